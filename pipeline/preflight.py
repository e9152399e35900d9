"""What is checked before a run begins, so that no work is lost on what was wrong from the start.

Imports no TensorFlow: an answer comes at once.
"""

import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from components.trainer.backbones import weights
from components.trainer.exports import installed
from data import decode, errors, folder, labels
from data.sources import digits, tfds
from pipeline import config as pipeline_config

# The encoded images are stored once more, and a model with its logs takes about this much.
SPACE_FOR_MODELS_BYTES = 300 << 20
BYTES_A_PIXEL = 3
SNIFFED_FILES = 50


@dataclass(frozen=True)
class Inputs:
    """What a run works on.

    Attributes:
      listing: the files of the data folder.
      labels: the label map, the frozen one extended by new classes.
      model_name: names the folder in ``serving/``, and the pipeline.
      label_file: where the label map is frozen.
      state_dir: where ingest keeps what it knows between runs.
    """

    listing: folder.Listing
    labels: list[str]
    model_name: str
    label_file: Path
    state_dir: Path


def prepare_output(config: pipeline_config.PipelineConfig) -> None:
    """Makes the output folder, and makes sure that it can be written to.

    Raises:
      errors.UserError: it cannot, with the reason.
    """
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


def source_folder(config: pipeline_config.PipelineConfig, scratch: Path | None = None) -> Path:
    """The folder of class folders; exports the digits or a TFDS set when those are asked for.

    Args:
      config: the resolved configuration of the run.
      scratch: where to export to what the output folder has not yet; it itself by default.

    Raises:
      errors.UserError: a TFDS set would have to be fetched into ``scratch``.
    """
    if config.data_dir is not None:
        return config.data_dir
    name = _slug(config.tfds) if config.tfds else "digits"
    exported = config.output_dir / "datasets" / name
    if exported.exists():
        return exported
    if scratch and config.tfds:
        raise errors.UserError(
            f"The image set {config.tfds} has not been fetched yet; a run without --dry-run does"
            " that first, and then runs every step."
        )
    target = scratch / name if scratch else exported
    target.parent.mkdir(exist_ok=True)
    return tfds.export(config.tfds, target) if config.tfds else digits.export(target)


def check(config: pipeline_config.PipelineConfig, data_dir: Path, ingests: bool = True) -> Inputs:
    """Checks the data folder, the disk, the weights and the Beam engine, all before any work.

    Args:
      config: the resolved configuration of the run.
      data_dir: the folder of class folders.
      ingests: whether the run ingests; else it keeps to the labels of what was ingested.

    Raises:
      errors.UserError: with everything that was found wrong.
    """
    problems = config.beam.problems()
    refusals: tuple[Callable[[], object], ...] = (
        lambda: weights.check(config.train.backbone, config.train.weights),
        lambda: installed.check(config.train.exports.formats),
    )
    for refuse in refusals:
        try:
            refuse()
        except errors.ConfigError as error:
            problems += error.problems
    try:
        listing = folder.scan(data_dir, config.ingest.spans)
        folder.check(listing, config.ingest.allow_missing_classes)
        _check_images(listing)
        _check_outside(config.output_dir, data_dir)
        _check_space(config, listing)
    except errors.UserError as error:
        raise type(error)(*error.problems, *problems) from error
    if problems:
        raise errors.ConfigError(*problems)
    name = model_name(config, data_dir)
    label_file = config.output_dir / "labels" / f"{name}.json"
    frozen = labels.load(label_file)
    names = labels.extend(frozen, listing.class_names) if ingests or not frozen else frozen
    return Inputs(listing, names, name, label_file, config.output_dir / "ingest" / name)


def model_name(config: pipeline_config.PipelineConfig, data_dir: Path) -> str:
    """What the model is called: as the settings say, or like the data folder."""
    return config.push.model_name or _slug(data_dir.resolve().name)


def serving_dir(config: pipeline_config.PipelineConfig, name: str) -> Path:
    """Where the versions of a model lie."""
    return config.output_dir.resolve() / "serving" / name


def _check_images(listing: folder.Listing) -> None:
    """Refuses a folder of which no class but one begins with an image, before ingesting it."""
    sizes = Counter(file.class_name for file in listing.files)
    tried: Counter[str] = Counter()
    found: set[str] = set()
    for file in listing.files:
        if file.class_name in found or tried[file.class_name] >= SNIFFED_FILES:
            continue
        tried[file.class_name] += 1
        if _is_image(listing.root / file.path):
            found.add(file.class_name)
            if len(found) >= 2:
                return
    # Where a class has more files than were looked at, ingest decides.
    if all(tried[name] == size for name, size in sizes.items() if name not in found):
        kind = f"only in {found.pop()!r}" if found else "none"
        raise errors.DataError(
            f"Of the {len(listing.files)} files in {len(sizes)} class folders of {listing.root},"
            f" {kind} is an image; images of at least two classes are needed."
        )


def _is_image(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with Image.open(path, formats=decode.formats()):
            return True
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return False
    except Image.DecompressionBombError:
        return True


def _check_outside(output_dir: Path, data_dir: Path) -> None:
    if output_dir.resolve().is_relative_to(data_dir.resolve()):
        raise errors.UserError(
            f"The output folder {output_dir} lies inside the data folder {data_dir}, which is"
            " never written to. Choose another with --output-dir."
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
    """A name that is safe in paths and in metadata."""
    slug = re.sub(r"[^A-Za-z0-9_-]+", "_", os.path.basename(name)).strip("_-")
    return slug or "images"
