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

from components.trainer.exports.formats import export_format
from components.trainer.exports.formats.export_format import ExportFormat
from tasks.facets.training import Fitted


def save(
    classifier: keras.Model, fitted: Fitted, directory: Path, wanted: Sequence[ExportFormat]
) -> None:
    """Writes a SavedModel with one signature for each format, named as the format.

    Args:
      classifier: pixels [B, S, S, 3] in 0–255 → outputs float32 [B, …] of its head.
      fitted: makes probabilities of its outputs.
      directory: where it goes.
      wanted: the formats.
    """
    module = tf.Module()
    signatures = {
        # TensorFlow Lite's process dies of a loop when it measures the ranges within.
        one.name: _signature(
            classifier,
            fitted.without_loops() if one.is_calibrated else fitted,
            one.batch,
            tf.as_dtype(one.dtype),
        )
        for one in wanted
    }
    # What swish needs to be trained again captures variables, which are no more.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(directory), signatures=signatures, options=options)


def _signature(classifier: keras.Model, fitted: Fitted, batch: int | None, dtype: tf.DType) -> Any:
    shape = [batch, *classifier.input.shape[1:]]

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name=export_format.INPUT)])
    def probabilities(pixels: tf.Tensor) -> tf.Tensor:
        return fitted.probabilities(classifier(tf.cast(pixels, tf.float32), training=False))

    # Loops stay loops: the converters know those of functions, not what they are lowered to.
    constant = convert_to_constants.convert_variables_to_constants_v2(
        probabilities.get_concrete_function(), lower_control_flow=False
    )

    @tf.function(input_signature=[tf.TensorSpec(shape, dtype, name=export_format.INPUT)])
    def named(pixels: tf.Tensor) -> dict[str, tf.Tensor]:
        (answer,) = constant(pixels)
        return {export_format.OUTPUT: answer}

    return named
