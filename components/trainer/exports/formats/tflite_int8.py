"""TensorFlow Lite with int8 weights, by channel, and activations: all operations on integers.

An image between two classes may tip over.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from components.trainer.exports.formats import tflite_files


def prepare(converter: Any, pixels: np.ndarray | None) -> None:
    """Sets a converter up, see ``tflite_files``.

    Raises:
      ValueError: there are no pixels.
    """
    import tensorflow as tf

    if pixels is None:
        raise ValueError("tflite_int8 needs images to be calibrated on")
    converter.representative_dataset = _samples(pixels)
    # With this alone, an operation without an integer kernel is an error.
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.uint8
    converter.inference_output_type = tf.float32


def _samples(pixels: np.ndarray) -> Callable[[], Iterator[list[np.ndarray]]]:
    def samples() -> Iterator[list[np.ndarray]]:
        for index, image in enumerate(pixels):
            inputs = image[None].astype(np.float32)
            if index == 0:
                # A black and a white pixel: the input's range is 0–255, and pixels need no scaling.
                inputs[0, 0, :2] = [[0], [255]]
            yield [inputs]

    return samples


FORMAT = tflite_files.make(
    "tflite_int8",
    "model_int8.tflite",
    prepare,
    max_difference=0.6,
    min_agreement=0.85,
    dtype="float32",  # quantised from float32 pixels on
    is_calibrated=True,
)
