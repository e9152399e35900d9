"""Parity of the exports for other runtimes with the training graph.

They take pixels: those of the parity images and of some eval images, each format in its own
runtime. Dimension letters: N images, S side in pixels, K classes.
"""

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.preprocess import materialise
from components.release_gate import config as gate_config
from components.release_gate.parity import parity_images, training_stage
from components.trainer import contract as trained_contract
from components.trainer.calibration import calibration
from components.trainer.exports import exports_file, runtime
from data import errors, formats, fresh_process
from tasks import task

EVAL_IMAGES = 200
Agrees = Callable[[np.ndarray, np.ndarray], float]
Differs = Callable[[np.ndarray, np.ndarray], tuple[float, str]]


@dataclass(frozen=True)
class Compared:
    """One export compared with the training graph.

    Attributes:
      format: the format's name.
      file: its file in ``assets.extra/exports``.
      size_bytes: its size.
      images: the number of images compared.
      largest: the largest difference of a probability, or what else the task compares, in 0–1; infinite
        where one is not a number, None where the export could not run.
      agreement: the share of images with the same most probable class, in 0–1; None where the
        export could not run.
      max_difference, min_agreement: their limits.
      problem: the reason why it could not run; empty where it could.
      words: the difference in words.
    """

    format: str
    file: str
    size_bytes: int
    images: int
    largest: float | None
    agreement: float | None
    max_difference: float
    min_agreement: float
    problem: str = ""
    words: str = ""

    @property
    def ok(self) -> bool:
        """Returns true where it is within the limits."""
        return (
            self.largest is not None
            and self.agreement is not None
            and self.largest <= self.max_difference
            and self.agreement >= self.min_agreement
        )

    @property
    def figures(self) -> dict[str, Any]:
        """Returns the values as strict JSON, which has no infinity."""
        finite = self.largest is not None and math.isfinite(self.largest)
        return {**asdict(self), "largest": self.largest if finite else None}

    @property
    def sentence(self) -> str:
        """Returns the result in words, with the figures."""
        if self.largest is None or self.agreement is None:
            return f"The export {self.format} cannot be used: {self.problem}"
        return (
            f"The export {self.format} gives the label of {training_stage.STAGE} on"
            f" {formats.percent(self.agreement)} of {self.images} images (at least"
            f" {formats.percent(self.min_agreement)} is needed); {self.words}: {self.largest:.2g}"
            f" ({self.max_difference:g} is allowed)."
        )


@dataclass(frozen=True)
class Images:
    """The images that exports are compared on.

    Attributes:
      images: encoded parity images; those that cannot be read are left out.
      eval_files: shards of pixels records, of which up to EVAL_IMAGES are used.
    """

    images: Sequence[parity_images.ParityImage]
    eval_files: Sequence[str] = field(default_factory=tuple)

    def pixels(self, spec: materialise.Spec) -> np.ndarray:
        """Returns all of them as pixels uint8 [N, S, S, 3]."""
        made, valid = training_stage.decode(spec, [image.encoded for image in self.images])
        parts = [made[valid]]
        if self.eval_files:
            total = len(calibration.read_targets(self.eval_files, spec.annotation))
            chosen = np.zeros(total, bool)
            count = min(EVAL_IMAGES, total)
            chosen[np.linspace(0, total - 1, count).astype(int)] = True
            batches = calibration.chosen_batches(
                self.eval_files, chosen, spec.size_px, spec.annotation
            )
            parts += [rows for rows, _ in batches.as_numpy_iterator()]
        return np.concatenate(parts)


def check(
    keras_file: Path,
    saved_model: Path,
    spec: materialise.Spec,
    images: Images,
    tolerances: gate_config.ExportTolerances,
    worker: fresh_process.Worker | None = None,
) -> tuple[Compared, ...]:
    """Runs every export of a SavedModel and compares it with the training graph.

    Args:
      keras_file: the classifier, pixels → logits.
      saved_model: the folder with ``saved_model.pb``.
      spec: the specification of the training pixels.
      images: N of them.
      tolerances: the limits of each format.
      worker: the process that runs them; by default each has one of its own.

    Returns:
      A row for each export; none where the model has no exports.

    Raises:
      errors.PipelineError: the model's contract or the list of its exports cannot be read.
    """
    exports = exports_file.read(saved_model)
    if not exports:
        return ()
    pixels = images.pixels(spec)
    contract = trained_contract.read(saved_model)
    expected = training_stage.classify(
        keras_file, training_stage.fitted_with(spec.task, contract, saved_model), pixels
    )
    facet = task.load(spec.task).compare
    agrees = functools.partial(facet.agreement, contract=contract)
    differs = functools.partial(facet.exported, contract=contract)
    folder = saved_model / exports_file.FOLDER
    return tuple(
        compare(export, folder, pixels, expected, (agrees, differs), tolerances, worker)
        for export in exports
    )


def compare(
    export: exports_file.Export,
    folder: Path,
    pixels: np.ndarray,
    expected: np.ndarray,
    facets: tuple[Agrees, Differs],
    tolerances: gate_config.ExportTolerances,
    worker: fresh_process.Worker | None = None,
) -> Compared:
    """Runs one export and compares it.

    Args:
      export: the entry of the export.
      folder: the folder with its file.
      pixels: uint8 [N, S, S, 3] in 0–255.
      expected: float32 [N, K], the probabilities of the training graph.
      facets: two probabilities [N, K] → the share of images with the same answer; and how far they are
        apart, as a number and in words.
      tolerances: the limits of each format.
      worker: as in :func:`check`.
    """
    allowed: gate_config.ExportTolerance = getattr(tolerances, export.format)
    limits = (allowed.max_difference, allowed.min_agreement)
    row = (export.format, export.file, export.size_bytes, len(pixels))
    try:
        answer = _ask(export, folder / export.file, pixels, expected.shape, worker)
    except errors.PipelineError as error:
        return Compared(*row, None, None, *limits, problem=str(error))
    agrees, differs = facets
    largest, words = differs(answer, expected)
    return Compared(*row, largest, agrees(answer, expected), *limits, words=words)


def _ask(
    export: exports_file.Export,
    path: Path,
    pixels: np.ndarray,
    shape: tuple[int, ...],
    worker: fresh_process.Worker | None,
) -> np.ndarray:
    if not path.is_file():
        raise errors.PipelineError(f"its file {path.name} is missing.")
    if hashlib.sha256(path.read_bytes()).hexdigest() != export.sha256:
        raise errors.PipelineError(f"its file {path.name} is not the one that was written.")
    try:
        answer = runtime.ask(export.format, path, pixels, worker)
    except fresh_process.ProcessError as error:
        raise errors.PipelineError(f"it does not run; {error}") from error
    if answer.shape != shape:
        raise errors.PipelineError(
            f"it returns {list(answer.shape)} probabilities; {list(shape)} are needed."
        )
    return answer
