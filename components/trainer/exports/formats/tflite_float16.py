"""TensorFlow Lite with weights stored as float16."""

from typing import Any

import numpy as np

from components.trainer.exports.formats import tflite_files


def prepare(converter: Any, _: np.ndarray | None) -> None:
    """Sets a converter up, see ``tflite_files``."""
    import tensorflow as tf

    converter.target_spec.supported_types = [tf.float16]


FORMAT = tflite_files.make(
    "tflite_float16", "model_float16.tflite", prepare, max_difference=0.02, min_agreement=0.98
)
