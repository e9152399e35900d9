"""Writes the exports of a trained classifier beside its SavedModel.

Dimension letters: N images, S side in pixels, K classes.
"""

import logging
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from components.preprocess import materialise
from components.trainer.calibration import calibration
from components.trainer.exports import config as export_config
from components.trainer.exports import exports_file, formats, frozen
from components.trainer.exports.formats.export_format import ExportFormat
from data import errors, fresh_process, progress
from tasks.facets.training import Fitted

TASK = "converting to"


def write(
    classifier: keras.Model,
    spec: materialise.Spec,
    fitted: Fitted,
    train_files: Sequence[str],
    config: export_config.ExportConfig,
    saved_model: Path,
) -> list[exports_file.Export]:
    """Writes the files of the formats that the settings name, if any.

    Args:
      classifier: pixels [B, S, S, 3] in 0–255 → outputs float32 [B, …] of its head.
      spec: the spec of its pixels.
      fitted: makes probabilities of its outputs.
      train_files: shards of pixels records, some of which calibrate int8.
      config: the formats.
      saved_model: the folder with ``saved_model.pb``.

    Raises:
      errors.PipelineError: a converter fails; the message contains its own.
    """
    if not config.formats:
        return []
    folder = saved_model / exports_file.FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    exports = []
    with tempfile.TemporaryDirectory() as scratch:
        source, samples = Path(scratch) / "frozen", Path(scratch) / "pixels.npy"
        wanted = [formats.REGISTRY[name] for name in config.formats]
        frozen.save(classifier, fitted, source, wanted)
        if any(one.is_calibrated for one in wanted):
            pixels = representative(train_files, spec, config.representative_images)
            np.save(samples, pixels, allow_pickle=False)
        for one in wanted:
            progress.start(f"{TASK} {one.name}")
            start = time.perf_counter()
            path = folder / one.file_name
            _convert(one, source, path, samples)
            exports.append(exports_file.Export.of(one.name, path))
            logging.info("%s: %.1f s", path.name, time.perf_counter() - start)
    exports_file.write(folder, spec, fitted, exports)
    return exports


def representative(train_files: Sequence[str], spec: materialise.Spec, count: int) -> np.ndarray:
    """Reads training images in which each class has about the same share as in the split.

    Args:
      train_files: shards of pixels records.
      spec: their spec.
      count: N; all images if there are fewer.

    Returns:
      pixels uint8 [N, S, S, 3] in 0–255.
    """
    targets = calibration.read_targets(train_files, spec.annotation)
    by_class = calibration.in_order_of_class(targets, spec.annotation)
    places = np.linspace(0, len(by_class) - 1, min(count, len(by_class))).astype(int)
    chosen = np.zeros(len(targets), bool)
    chosen[by_class[places]] = True
    batches = calibration.chosen_batches(train_files, chosen, spec.size_px, spec.annotation)
    return np.concatenate([pixels for pixels, _ in batches.as_numpy_iterator()])


def _convert(one: ExportFormat, source: Path, path: Path, samples: Path) -> None:
    module, arguments = one.converter(source, path, samples)
    try:
        fresh_process.run(module, arguments, environment=fresh_process.ON_CPU)
    except fresh_process.ProcessError as error:
        raise errors.PipelineError(
            f"The model cannot be converted to {one.name}: {error}\n  Leave it out of"
            " --train.exports.formats, or choose another --train.backbone; what was trained is"
            " kept for the next run."
        ) from error
