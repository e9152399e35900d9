"""Runs the training graph: the ``.keras`` file on the pixels that Preprocess makes.

Dimension letters: N images, K classes, B batch, S side.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from components.preprocess import materialise
from components.release_gate.parity import probe
from components.trainer.network import keras_archive
from data import errors
from data.files import read_back
from data.graph import decoding
from data.images import image_reading
from tasks import task
from tasks.facets.training import Fitted

STAGE = "the training graph"
BATCH = 16


def ask(
    keras_file: Path,
    spec: materialise.Spec,
    contract: Mapping[str, Any],
    encoded: Sequence[bytes],
    saved_model: Path | None = None,
) -> probe.Stage:
    """Runs the trained network on the pixels that Preprocess would make.

    Args:
      keras_file: the network, pixels → outputs.
      spec: the specification of the training pixels.
      contract: of the model that was exported from it.
      encoded: N images.
      saved_model: the folder of that model; None: its contract states all that its answers need.

    Raises:
      errors.PipelineError: there is no such file.
    """
    pixels, valid = decode(spec, encoded)
    fitted = fitted_with(spec.task, contract, saved_model)
    probabilities = classify(keras_file, fitted, pixels)
    compared = task.load(spec.task).compare
    values = np.asarray(compared.values(probabilities, contract, fitted), np.float32)
    return probe.Stage(STAGE, values * valid[:, None], valid)


def decode(spec: materialise.Spec, encoded: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Decodes images to pixels uint8 [N, S, S, 3], as Preprocess does, and valid bool [N]."""
    read = decoding.batch_reader(spec.size_px, spec.resize, spec.reading)
    batches = (encoded[start : start + BATCH] for start in range(0, len(encoded), BATCH))
    parts = [read(tf.constant(list(batch), tf.string)) for batch in batches]
    pixels, refused = (np.concatenate(part) for part in zip(*parts, strict=True))
    return pixels, refused == b""


def fitted_with(task_name: str, contract: Mapping[str, Any], saved_model: Path | None) -> Fitted:
    """Returns what the model of a contract was fitted with.

    Raises:
      errors.PipelineError: the contract or a file of the model cannot be read.
    """
    with read_back.reading("contract of the model"):
        return task.load(task_name).calibration.of_contract(contract, saved_model)


def classify(keras_file: Path, fitted: Fitted, pixels: np.ndarray) -> np.ndarray:
    """Runs the network on pixels; returns probabilities float32 [N, …].

    Args:
      keras_file: the network.
      fitted: what makes probabilities of its outputs.
      pixels: uint8 [N, S, S, 3] in 0–255.

    Raises:
      errors.PipelineError: there is no such file.
    """
    if not keras_file.exists():
        raise errors.PipelineError(f"The trained model {keras_file} is missing.")
    # On a GPU, TensorFloat-32 would round as the batch's size chooses the kernel.
    short = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        network = keras_archive.load(keras_file)
        parts = []
        for start in range(0, len(pixels), BATCH):
            batch = tf.cast(pixels[start : start + BATCH], tf.float32)
            outputs = network(batch, training=False)
            parts.append(fitted.probabilities(outputs).numpy())
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(short)
    return np.concatenate(parts)


def spec_of(contract: dict[str, Any]) -> materialise.Spec:
    """Returns the specification of the training pixels from a contract.

    Raises:
      errors.DataError: the contract lacks an entry.
    """
    with read_back.reading("contract of the model"):
        return materialise.Spec(
            size_px=contract["image_size_px"],
            resize=contract["resize"],
            labels=contract["labels"],
            counts={},
            reading=image_reading.Reading.from_dict(contract),
            task=contract["task"],
        )
