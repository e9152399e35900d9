"""Loss of a centre head: scores that say how good the box of a cell is, and GIoU of the boxes.

A score should be the overlap of the cell's box with the object, times the root of how central the
cell is. So the best-placed box of an object has the highest score, and non-maximum suppression keeps
it. Such quality scores: Zhang et al., 2020, VarifocalNet, https://arxiv.org/abs/2008.13367.

Dimension letters: B batch, M objects, K classes, h w the map.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from tasks.boxes import decoding, graph_geometry
from tasks.detection.head import target_maps

# Weights of the scores where there are objects and where there are none, and of the boxes.
OBJECT_WEIGHT, NOTHING_WEIGHT, BOX_WEIGHT = 2.0, 0.375, 2.0
# A cell of an object counts at least this much, however bad its box still is.
_LEAST_QUALITY = 0.1


@keras.saving.register_keras_serializable("image_pipeline")
class CentreLoss(keras.losses.Loss):  # type: ignore[misc]
    """Loss of maps [B, h, w, K + 4] against objects.

    Args:
      class_weights: K factors of the scores' loss by class; empty: all 1.
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
        boxes = decoding.boxes_of(maps[..., classes:])
        wanted = tf.stop_gradient(graph_geometry.iou(boxes, targets.boxes))
        found = scores(targets, wanted, maps[..., :classes], self.class_weights)
        return found + BOX_WEIGHT * overlap(targets, boxes)

    def get_config(self) -> dict[str, object]:
        """Returns the config from which a saved model rebuilds the loss."""
        return {**super().get_config(), "class_weights": self.class_weights}


def scores(
    targets: target_maps.Maps,
    overlaps: tf.Tensor,
    logits: tf.Tensor,
    class_weights: Sequence[float] = (),
) -> tf.Tensor:
    """Computes the varifocal loss of the scores, over the weight of all cores of an image.

    With q = IoU · √centred and p the score: 2 max(q, 0.1) H(q, p) in a core for its class,
    0.375 p² H(0, p) elsewhere, H the cross-entropy.

    Args:
      targets: what the maps should be.
      overlaps: float32 [B, h, w] in 0–1: IoU of the cell's box with that of its object.
      logits: float32 [B, h, w, K].
      class_weights: K factors; empty: all 1.

    Returns:
      float32 [B].
    """
    quality = targets.classes * (overlaps * tf.sqrt(targets.centred))[..., None]
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(quality, logits)
    core = targets.classes * targets.weights[..., None]
    core = OBJECT_WEIGHT * core * tf.maximum(quality, _LEAST_QUALITY)
    rest = (1 - targets.classes) * targets.counts[..., None]
    rest = NOTHING_WEIGHT * rest * tf.square(tf.sigmoid(logits))
    losses = (core + rest) * entropy
    if class_weights:
        losses = losses * tf.constant(class_weights, tf.float32)
    return tf.reduce_sum(losses, axis=[1, 2, 3]) / _weight(targets)


def overlap(targets: target_maps.Maps, boxes: tf.Tensor) -> tf.Tensor:
    """Computes the mean of 1 − GIoU over the cells of cores, weighted.

    Args:
      targets: what the maps should be.
      boxes: float32 [B, h, w, 4] in 0–1.

    Returns:
      float32 [B]; 0 for an image without objects.
    """
    lost = targets.weights * (1 - graph_geometry.giou(boxes, targets.boxes))
    return tf.reduce_sum(lost, axis=[1, 2]) / _weight(targets)


def _weight(targets: target_maps.Maps) -> tf.Tensor:
    return tf.maximum(tf.reduce_sum(targets.weights, axis=[1, 2]), 1.0)
