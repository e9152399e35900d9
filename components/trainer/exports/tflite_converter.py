"""Converts a frozen SavedModel to a TensorFlow Lite file, in a separate process.

    python -m components.trainer.exports.tflite_converter SAVED_MODEL FORMAT OUTPUT.tflite [PIXELS.npy]

Dimension letters: N images, S side in pixels.
"""

import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.trainer.exports import formats
from components.trainer.exports.formats import tflite_files
from data.files import read_arrays


def convert(saved_model: Path, name: str, pixels: np.ndarray | None = None) -> bytes:
    """Converts one signature.

    Args:
      saved_model: written by :mod:`frozen`.
      name: the format, whose signature has the same name.
      pixels: uint8 [N, S, S, 3] on which the ranges of activations are measured, where the format
        is calibrated.

    Returns:
      The file's content.

    Raises:
      ValueError: the format is not of TensorFlow Lite, or needs pixels and has none.
    """
    wanted = formats.REGISTRY[name]
    if not isinstance(wanted, tflite_files.TFLiteFormat):
        raise ValueError(f"{name} is no format of TensorFlow Lite")
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[name])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    wanted.prepare(converter, pixels)
    return bytes(converter.convert())


def main(saved_model: str, name: str, output: str, pixels: str | None = None) -> None:
    """Converts a signature and checks the file: the entry point of the process."""
    images = None if pixels is None else read_arrays.array(pixels, "pixels")
    content = convert(Path(saved_model), name, images)
    Path(output).write_bytes(content)
    # It loads, and takes pixels as they are.
    tflite_files.TFLite(Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
