"""Converts a frozen SavedModel to a TensorFlow Lite file, in a separate process.

    python -m components.trainer.exports.tflite SAVED_MODEL FORMAT OUTPUT.tflite [PIXELS.npy]

Dimension letters: N images, S side in pixels.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from components.trainer.exports.formats import tflite_files
from data.files import read_arrays


def convert(saved_model: Path, name: str, pixels: np.ndarray | None = None) -> bytes:
    """Converts one signature.

    Args:
      saved_model: written by :mod:`frozen`.
      name: "tflite_float16" (weights are stored as float16) or "tflite_int8" (weights, by
        channel, and activations are int8, all operations on integers).
      pixels: uint8 [N, S, S, 3] on which the ranges of activations are measured; for int8 only.

    Returns:
      The file's content.
    """
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model), signature_keys=[name])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if name == "tflite_float16":
        converter.target_spec.supported_types = [tf.float16]
    elif pixels is None:
        raise ValueError("tflite_int8 needs images to be calibrated on")
    else:
        converter.representative_dataset = _samples(pixels)
        # With this alone, an operation without an integer kernel is an error.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.float32
    return bytes(converter.convert())


def _samples(pixels: np.ndarray) -> Callable[[], Iterator[list[np.ndarray]]]:
    def samples() -> Iterator[list[np.ndarray]]:
        for index, image in enumerate(pixels):
            inputs = image[None].astype(np.float32)
            if index == 0:
                # A black and a white pixel: the input's range is 0–255, and pixels need no scaling.
                inputs[0, 0, :2] = [[0], [255]]
            yield [inputs]

    return samples


def main(saved_model: str, name: str, output: str, pixels: str | None = None) -> None:
    """Converts a signature and checks the file: the entry point of the process."""
    images = None if pixels is None else read_arrays.array(pixels, "pixels")
    content = convert(Path(saved_model), name, images)
    Path(output).write_bytes(content)
    # It loads, and takes pixels as they are.
    tflite_files.TFLite(Path(output))


if __name__ == "__main__":
    main(*sys.argv[1:])
