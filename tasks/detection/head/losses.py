"""Loss of a centre head: focal loss of the heat map, and GIoU of the boxes around centres.

Dimension letters: B batch, M objects, K classes, h w the map.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tasks.boxes import decoding, graph_geometry
from tasks.detection.head import target_maps

# Weight of the boxes relative to the heat map.
BOX_WEIGHT = 2.0
_TINY = 1e-6


@keras.saving.register_keras_serializable("image_pipeline")
class CentreLoss(keras.losses.Loss):  # type: ignore[misc]
    """Loss of maps [B, h, w, K + 4] against objects.

    Args:
      class_weights: K factors of the heat map's loss by class; empty: all 1.
      options: arguments of the base class.
    """

    def __init__(self, class_weights: Sequence[float] = (), **options: object) -> None:
        super().__init__(**options)
        self.class_weights = list(class_weights)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes the loss float32 [B].

        Args:
          y_true: objects float32 [B, M, 6], see :func:`target_maps.draw`.
          y_pred: maps float32 [B, h, w, K + 4], see :func:`decoding.decode`.
        """
        maps = tf.cast(y_pred, tf.float32)
        classes = maps.shape[-1] - 4
        # Most images have few objects; places that are empty in the whole batch cost nothing.
        used = tf.reduce_max(tf.reduce_sum(tf.cast(y_true[..., 4] >= 0, tf.int32), axis=1))
        targets = target_maps.draw(y_true[:, :used], maps.shape[1], maps.shape[2], classes)
        heat = focal(targets, maps[..., :classes], self.class_weights)
        return heat + BOX_WEIGHT * boxes(targets, maps[..., classes:])

    def get_config(self) -> dict[str, object]:
        """Returns the config from which a saved model rebuilds the loss."""
        return {**super().get_config(), "class_weights": self.class_weights}


def focal(
    targets: target_maps.Maps, logits: tf.Tensor, class_weights: Sequence[float] = ()
) -> tf.Tensor:
    """Computes the penalty-reduced focal loss of the heat map, for each image and object.

    −(1 − p)² log p at a centre, −(1 − y)⁴ p² log(1 − p) elsewhere, over the number of centres.
    Source: Law & Deng, 2018, https://arxiv.org/abs/1808.01244, section 3.2.

    Args:
      targets: what the maps should be.
      logits: float32 [B, h, w, K].
      class_weights: K factors; empty: all 1.

    Returns:
      float32 [B].
    """
    shares = tf.sigmoid(logits)
    is_centre = tf.cast(targets.heat >= 1.0, tf.float32)
    right = tf.square(1 - shares) * tf.math.softplus(-logits) * is_centre
    away = tf.pow(1 - targets.heat, 4.0) * tf.square(shares) * tf.math.softplus(logits)
    losses = right + away * (1 - is_centre) * targets.counts[..., None]
    if class_weights:
        losses = losses * tf.constant(class_weights, tf.float32)
    centres = tf.reduce_sum(is_centre, axis=[1, 2, 3])
    return tf.reduce_sum(losses, axis=[1, 2, 3]) / tf.maximum(centres, 1.0)


def boxes(targets: target_maps.Maps, found: tf.Tensor) -> tf.Tensor:
    """Computes the mean of 1 − GIoU over the cells that learn a box, weighted.

    Args:
      targets: what the maps should be.
      found: float32 [B, h, w, 4]: offset in cells, logarithm of the sides.

    Returns:
      float32 [B]; 0 for an image without objects.
    """
    height, width = found.shape[1], found.shape[2]
    rows = (tf.range(height, dtype=tf.float32)[:, None] + 0.5 + found[..., 0]) / height
    columns = (tf.range(width, dtype=tf.float32)[None] + 0.5 + found[..., 1]) / width
    half = tf.exp(tf.clip_by_value(found[..., 2:], *decoding.LOG_SIDE_BOUNDS)) / 2
    low = [rows - half[..., 0], columns - half[..., 1]]
    high = [rows + half[..., 0], columns + half[..., 1]]
    overlap = graph_geometry.giou(tf.stack(low + high, axis=-1), targets.boxes)
    total = tf.reduce_sum(targets.weights * (1 - overlap), axis=[1, 2])
    return total / (tf.reduce_sum(targets.weights, axis=[1, 2]) + _TINY)
