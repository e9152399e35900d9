"""Checks before a run begins, so that no work is lost because of an early mistake.

Imports no TensorFlow, so that mistakes are reported at once.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from components.image_example_gen import config as ingest_config
from components.image_example_gen import corrected
from components.trainer.backbones import registry
from components.trainer.exports import installed
from data import errors
from data.corrections import applying, sentences
from data.sources import config as label_config
from data.sources import digits, label_source, tfds
from data.sources import registry as label_sources
from data.splits import folder, labels
from pipeline import output_folder
from pipeline.settings import pipeline_config
from tasks import task

# The encoded images are stored a second time; a model with its logs takes about this much.
SPACE_FOR_MODELS_BYTES = 300 << 20
BYTES_A_PIXEL = 3


@dataclass(frozen=True)
class Inputs:
    """The inputs of a run.

    Attributes:
      listing: the files of the data folder.
      labels: the label map, the frozen one extended by new classes.
      model_name: the name of the folder in ``serving/``, and of the pipeline.
      label_file: the file of the frozen label map.
      state_dir: the folder in which ingest keeps its results between runs.
      source: where the labels come from, with absolute paths.
      corrections: what a person decided about labels.
      corrections_job: which of it ingest applies; None where nothing changes.
      corrections_file: the list of it, whether it is there or not.
      corrected_classes: the classes that the label map gets by it alone.
    """

    listing: folder.Listing
    labels: list[str]
    model_name: str
    label_file: Path
    state_dir: Path
    source: label_config.LabelsConfig = label_config.DEFAULT
    corrections_file: Path = Path()
    corrections: applying.Corrections = field(default_factory=lambda: applying.Corrections([]))
    corrections_job: ingest_config.CorrectionsJob | None = None
    corrected_classes: frozenset[str] = frozenset()

    def corrections_lines(self) -> list[str]:
        """Describes the corrections for people, in a line; none if there are none."""
        told = sentences.planned(self.corrections.counts(), self.corrected_classes)
        return [f"corrections: {told} ({self.corrections_file})"] * bool(told)


def prepare_output(config: pipeline_config.PipelineConfig) -> None:
    """Creates the output folder, and checks that it can be written to.

    Raises:
      errors.UserError: it cannot, or it lies inside the data folder; then nothing is created.
    """
    _check_outside(config)
    output = config.output_dir
    try:
        output.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=output):
            pass
    except OSError as error:
        raise errors.UserError(
            f"The output folder {output} cannot be written to: {error.strerror}."
            " Choose another with --output-dir."
        ) from error


def existing_source(config: pipeline_config.PipelineConfig) -> Path | None:
    """Returns the folder or manifest to ingest; None if a set must be exported first."""
    if config.source is not None:
        return config.source
    exported = _exported(config)
    return exported if exported.exists() else None


def request(config: pipeline_config.PipelineConfig, data_dir: Path) -> label_source.Request:
    """Returns what is to be listed.

    Args:
      config: the resolved configuration of the run.
      data_dir: the data folder, or a manifest.

    Raises:
      errors.ConfigError: two manifests are given.
    """
    rule = task.load(config.task).label_rule
    return label_sources.request(data_dir, config.ingest, config.labels, rule)


def source_folder(config: pipeline_config.PipelineConfig, scratch: Path | None = None) -> Path:
    """Returns the folder or manifest to ingest; exports the digits or a TFDS set if requested.

    Args:
      config: the resolved configuration of the run.
      scratch: the folder for exports that the output folder lacks; default: the output folder.

    Raises:
      errors.UserError: a TFDS set would have to be downloaded into ``scratch``.
    """
    existing = existing_source(config)
    if existing is not None:
        return existing
    exported = _exported(config)
    if scratch and config.tfds:
        raise errors.UserError(
            f"The image set {config.tfds} has not been downloaded yet; a run without --dry-run does"
            " that first, and then runs every step."
        )
    target = scratch / exported.name if scratch else exported
    target.parent.mkdir(exist_ok=True)
    return tfds.export(config.tfds, target) if config.tfds else digits.export(target)


def check(
    config: pipeline_config.PipelineConfig,
    data_dir: Path,
    ingests: bool = True,
    show: Callable[[folder.Listing], None] = lambda _: None,
) -> Inputs:
    """Checks everything that can be wrong before any work begins; writes nothing.

    Args:
      config: the resolved configuration of the run.
      data_dir: the data folder, or a manifest.
      ingests: whether the run ingests; else it keeps the labels of the ingested data.
      show: called with the listing of the data folder before it is checked.

    Raises:
      errors.UserError: with every problem found.
    """
    return inputs(config, inspect(config, data_dir, show), ingests)


def check_settings(config: pipeline_config.PipelineConfig) -> None:
    """Checks the folders, the weights, the export formats and the Beam engine.

    Raises:
      errors.UserError: with every problem found.
    """
    problems = config.beam.problems()
    refusals: tuple[Callable[[], object], ...] = (
        lambda: _check_outside(config),
        lambda: registry.check_weights(config.train.backbone, config.train.weights),
        lambda: installed.check(config.train.exports.formats),
    )
    for refuse in refusals:
        try:
            refuse()
        except errors.UserError as error:
            problems += error.problems
    if problems:
        raise errors.ConfigError(*problems)


def inspect(
    config: pipeline_config.PipelineConfig,
    data_dir: Path,
    show: Callable[[folder.Listing], None] = lambda _: None,
) -> folder.Listing:
    """Checks the settings and the data folder; see :func:`check`."""
    problems: list[str] = []
    kind: type[errors.UserError] = errors.ConfigError
    listing = None
    try:
        asked = request(config, data_dir)
        listing = label_sources.scan(asked)
        show(listing)
        label_sources.check(listing, asked)
        _check_space(config, listing)
    except errors.UserError as error:
        problems += error.problems
        kind = type(error)
    try:
        check_settings(config)
    except errors.UserError as error:
        problems += error.problems
    if problems or listing is None:
        raise kind(*dict.fromkeys(problems))
    return listing


def inputs(
    config: pipeline_config.PipelineConfig, listing: folder.Listing, ingests: bool = True
) -> Inputs:
    """Reads the label map and adds the new classes of a listing to it; see :func:`check`."""
    source = existing_source(config) or listing.root
    name = model_name(config, source)
    place = output_folder.OutputFolder(config.output_dir)
    label_file = place.labels(name)
    # Images without labels have no use for the label map of earlier ones, which stays as it is.
    is_labelled = bool(listing.class_names) or task.load(config.task).needs_labels
    frozen = labels.load(label_file) if is_labelled else []
    new = listing.class_names if ingests or not frozen else []
    names = labels.extend(frozen, new, keeps_order=listing.masks is not None)
    paths = label_sources.absolute(request(config, source).labels)
    listed = place.corrections(name)
    corrections = corrected.read(listed, config.task)
    added = corrections.new_labels - set(names) if ingests or not frozen else set()
    names = labels.extend(names, added)
    return Inputs(
        listing=listing,
        labels=names,
        model_name=name,
        label_file=label_file,
        state_dir=place.ingest(name),
        source=paths,
        corrections_file=listed,
        corrections=corrections,
        corrections_job=corrected.job(listed, corrections),
        corrected_classes=frozenset(added),
    )


def model_name(config: pipeline_config.PipelineConfig, data_dir: Path) -> str:
    """Returns the name of the model: from the settings, or that of the folder of the data."""
    place = data_dir.resolve()
    return config.push.model_name or _slug((place.parent if place.is_file() else place).name)


def serving_dir(config: pipeline_config.PipelineConfig, name: str) -> Path:
    """Returns the folder of a model's versions."""
    return output_folder.OutputFolder(config.output_dir.resolve()).serving(name)


def _exported(config: pipeline_config.PipelineConfig) -> Path:
    name = _slug(config.tfds) if config.tfds else "digits"
    return output_folder.OutputFolder(config.output_dir).dataset(name)


def _check_outside(config: pipeline_config.PipelineConfig) -> None:
    output, source = config.output_dir, config.source
    data = None if source is None else request(config, source).root
    if data is not None and output.resolve().is_relative_to(data.resolve()):
        raise errors.UserError(
            f"The output folder {output} lies inside the data folder {data}, which is never"
            " written to. Choose another with --output-dir."
        )


def _check_space(config: pipeline_config.PipelineConfig, listing: folder.Listing) -> None:
    pixels = len(listing.files) * config.preprocess.size_px**2 * BYTES_A_PIXEL
    needed = listing.size_bytes + pixels + SPACE_FOR_MODELS_BYTES
    output = config.output_dir.resolve()
    there = next(folder for folder in (output, *output.parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if free < needed:
        raise errors.UserError(
            f"The disk of {config.output_dir} has {free / 2**20:,.0f} MiB free; this run needs"
            f" about {needed / 2**20:,.0f} MiB ({len(listing.files)} images). Free some space,"
            " choose another --output-dir, or lower --preprocess.size-px."
        )


def _slug(name: str) -> str:
    """Returns a name that is safe in paths and in metadata."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", os.path.basename(name)).strip("_-")
    return slug or "images"
