"""The classifier from uint8 pixels to probabilities, as a SavedModel without variables.

What converters read. Keras 3 writes variables that the TensorFlow Lite converter of TensorFlow
2.16 does not find, whereupon it ends its process; constants it understands, and so do all.

Dimension letters: B batch, S side in pixels, K classes.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework import convert_to_constants

from components.trainer.exports import config as export_config

# A file for phones answers for one image at a time: with a fixed shape, more of it is fast.
# tflite_int8 is quantised from float32 pixels on; its own input becomes uint8 all the same.
SHAPES: dict[str, tuple[int | None, tf.DType]] = {
    "tflite_float16": (1, tf.uint8),
    "tflite_int8": (1, tf.float32),
    "onnx": (None, tf.uint8),
}


def save(
    classifier: keras.Model, temperature: float, directory: Path, formats: Sequence[str]
) -> None:
    """Writes a SavedModel with one signature for each format, called as the format is.

    Args:
      classifier: pixels [B, S, S, 3] in 0–255 → logits float32 [B, K].
      temperature: what logits are divided by.
      directory: where it goes.
      formats: keys of SHAPES.
    """
    module = tf.Module()
    signatures = {name: _signature(classifier, temperature, *SHAPES[name]) for name in formats}
    # What swish needs to be trained again captures variables, which are no more.
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
