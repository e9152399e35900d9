"""Batch normalisation that trains at the speed of TensorFlow's own kernel.

Dimension letters: B batch, h w the map, C channels.
"""

import keras
import tensorflow as tf


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
