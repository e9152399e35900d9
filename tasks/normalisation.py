"""Batch normalisation that trains at the speed of TensorFlow's own kernel, and convolutions that have it.

Dimension letters: B batch, h w the map, C channels.
"""

from typing import Any

import keras
import tensorflow as tf
from keras import layers

# Keras' 0.99 takes hundreds of steps to reach the data's statistics: many epochs of a small set, in the
# first of which rare classes hardly appear.
MOMENTUM = 0.9


@keras.saving.register_keras_serializable("image_pipeline")
class BatchNormalization(keras.layers.BatchNormalization):  # type: ignore[misc]
    """Normalises maps [B, h, w, C] as Keras' layer does, with one kernel where it trains.

    Keras 3 composes the layer of means, squares and products, each of which reads and writes the
    whole map, forward and backward; in the head of a detector that is a quarter of a step on a CPU.
    With trained statistics, or for what the kernel does not have (masks, half precision, other axes,
    statistics over several devices), it is Keras' layer. Weights, config and results are the same.
    """

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Normalises float32 [B, h, w, C]; in training, follows the moving statistics."""
        is_fused = training and self.trainable and mask is None and self._has_kernel(inputs)
        if not is_fused:
            return super().call(inputs, training=training, mask=mask)
        channels = inputs.shape[-1]
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.convert_to_tensor(self.gamma) if self.scale else tf.ones([channels]),
            offset=tf.convert_to_tensor(self.beta) if self.center else tf.zeros([channels]),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel estimates the variance of the population, Keras follows that of the sample.
        count = tf.cast(tf.size(inputs) // channels, tf.float32)
        variance = variance * (count - 1) / count
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1.0 - self.momentum))
        return outputs

    def _has_kernel(self, inputs: tf.Tensor) -> bool:
        rank = len(inputs.shape)
        return (
            rank == 4
            and self.axis in (-1, 3)
            and inputs.dtype == self.compute_dtype == "float32"
            and not self.synchronized
        )


def convolved(x: Any, name: str, filters: int, kernel: int = 3, separable: bool = False) -> Any:
    """Applies a convolution, BatchNorm and ReLU to a map, which keeps its size.

    Args:
      x: the map [B, h, w, C].
      name: of the convolution; the other layers' names begin with it.
      filters: channels of the result.
      kernel: side of the convolution.
      separable: whether it is depthwise separable.
    """
    kind = layers.SeparableConv2D if separable else layers.Conv2D
    # BatchNorm's offset does what a bias would.
    x = kind(filters, kernel, padding="same", use_bias=False, name=name)(x)
    x = BatchNormalization(momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
