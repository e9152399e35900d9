"""Writes the classifier, uint8 pixels → probabilities, as a SavedModel without variables.

All converters read it. Keras 3 writes variables that the TensorFlow Lite converter of TensorFlow
2.16 does not find, and then its process ends; constants work in every converter.

Dimension letters: B batch, S side in pixels, K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from components.trainer.exports import config as export_config

# A file for phones takes one image at a time: with a fixed shape, more of its operations are fast.
# tflite_int8 is quantised from float32 pixels on; its input becomes uint8 nevertheless.
SHAPES: dict[str, tuple[int | None, tf.DType]] = {
    "tflite_float16": (1, tf.uint8),
    "tflite_int8": (1, tf.float32),
    "onnx": (None, tf.uint8),
}


def save(
    classifier: keras.Model, temperature: float, directory: Path, formats: Sequence[str]
) -> None:
    """Writes a SavedModel with one signature for each format, named as the format.

    Args:
      classifier: pixels [B, S, S, 3] in 0–255 → logits float32 [B, K].
      temperature: divisor of the logits.
      directory: folder of the SavedModel.
      formats: keys of SHAPES.
    """
    module = tf.Module()
    signatures = {name: _signature(classifier, temperature, *SHAPES[name]) for name in formats}
    # The gradient function of swish captures variables, which no longer exist.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(directory), signatures=signatures, options=options)


def _signature(
    classifier: keras.Model, temperature: float, batch: int | None, dtype: tf.DType
) -> Any:
    shape = [batch, *classifier.input.shape[1:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name=export_config.INPUT)])
    def probabilities(pixels: tf.Tensor) -> tf.Tensor:
        logits = classifier(tf.cast(pixels, tf.float32), training=False)
        return tf.nn.softmax(logits / temperature)

    constant = convert_to_constants.convert_variables_to_constants_v2(
        probabilities.get_concrete_function()
    )

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name=export_config.INPUT)])
    def named(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        (answer,) = constant(pixels)
        return {export_config.OUTPUT: answer}

    return named
