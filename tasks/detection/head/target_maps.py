"""Boxes of a batch → what the maps of the head should be, inside the graph of the loss.

Each object is a Gaussian around its centre, as wide as the box is; a cell near the centre of an
object also learns its box, the smallest object's if several claim the cell. Sources: Zhou et al.,
2019, https://arxiv.org/abs/1904.07850; learning boxes around the centre as well: Liu et al., 2019,
TTFNet, https://arxiv.org/abs/1909.00700, with which training ends several times sooner.

Dimension letters: B batch, M objects, K classes, h w the map.
"""

from typing import NamedTuple

import tensorflow as tf

# The standard deviation of a Gaussian in shares of the side of its box.
SIGMA = 1 / 6
# A cell learns the box of an object whose Gaussian there is at least this: the inner half.
_LEAST = 0.35
_SMALLEST_SIGMA = 0.3  # in cells


class Maps(NamedTuple):
    """Targets of a batch.

    Attributes:
      heat: float32 [B, h, w, K] in 0–1; exactly 1 at the centres of objects.
      boxes: float32 [B, h, w, 4]: the box that a cell learns.
      weights: float32 [B, h, w] in 0–1; 0 where a cell learns no box.
      counts: float32 [B, h, w]: 0 within an object that is ignored, else 1.
    """

    heat: tf.Tensor
    boxes: tf.Tensor
    weights: tf.Tensor
    counts: tf.Tensor


def draw(objects: tf.Tensor, height: int, width: int, class_count: int) -> Maps:
    """Draws the maps.

    Args:
      objects: float32 [B, M, 6]: ymin, xmin, ymax, xmax in 0–1; the class, −1 where there is no
        object; 1 if the object is ignored, else 0.
      height: h.
      width: w.
      class_count: K.
    """
    class_ids = tf.cast(objects[..., 4], tf.int32)
    is_ignored = (class_ids >= 0) & (objects[..., 5] > 0)
    is_object = (class_ids >= 0) & ~is_ignored
    corners = objects[..., :4]
    bells = _gaussian(corners[..., 0], corners[..., 2], height)[..., :, None]
    bells = bells * _gaussian(corners[..., 1], corners[..., 3], width)[..., None, :]
    bells = tf.where(is_object[..., None, None], bells, 0.0)
    inside = _inside(corners[..., 0], corners[..., 2], height)[..., :, None]
    inside = inside & _inside(corners[..., 1], corners[..., 3], width)[..., None, :]
    hidden = tf.reduce_any(inside & is_ignored[..., None, None], axis=1)
    areas = (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])
    claims = tf.where(bells >= _LEAST, areas[..., None, None], 2.0)
    # A place more, so that a batch without any object has something to choose from.
    claims = tf.pad(claims, [[0, 0], [0, 1], [0, 0], [0, 0]], constant_values=1.5)
    chosen = tf.argmin(claims, axis=1, output_type=tf.int32)
    weights = tf.gather(
        _last(tf.pad(bells, [[0, 0], [0, 1], [0, 0], [0, 0]])), chosen, batch_dims=3
    )
    boxes = tf.gather(tf.pad(corners, [[0, 0], [0, 1], [0, 0]]), chosen, batch_dims=1)
    counts = tf.where(hidden & (weights == 0), 0.0, 1.0)
    return Maps(_by_class(bells, class_ids, class_count), boxes, weights, counts)


def _last(bells: tf.Tensor) -> tf.Tensor:
    return tf.transpose(bells, [0, 2, 3, 1])


def _by_class(bells: tf.Tensor, class_ids: tf.Tensor, class_count: int) -> tf.Tensor:
    """Returns the highest Gaussian of each class: float32 [B, h, w, K]."""
    batch, objects = tf.shape(bells)[0], tf.shape(bells)[1]
    height, width = bells.shape[2], bells.shape[3]
    rows = tf.reshape(bells, [batch * objects, height * width])
    segments = tf.range(batch)[:, None] * class_count + tf.maximum(class_ids, 0)
    heat = tf.math.unsorted_segment_max(rows, tf.reshape(segments, [-1]), batch * class_count)
    heat = tf.reshape(tf.maximum(heat, 0.0), [batch, class_count, height, width])
    return tf.transpose(heat, [0, 2, 3, 1])


def _gaussian(low: tf.Tensor, high: tf.Tensor, cells: int) -> tf.Tensor:
    """Returns Gaussians along one axis, 1 in the cell of the centre: float32 [B, M, cells]."""
    centre = tf.clip_by_value(tf.floor((low + high) / 2 * cells), 0.0, cells - 1.0)
    sigma = tf.maximum((high - low) * cells * SIGMA, _SMALLEST_SIGMA)
    distance = tf.range(cells, dtype=tf.float32) - centre[..., None]
    return tf.exp(-0.5 * tf.square(distance / sigma[..., None]))


def _inside(low: tf.Tensor, high: tf.Tensor, cells: int) -> tf.Tensor:
    middle = (tf.range(cells, dtype=tf.float32) + 0.5) / cells
    return (middle >= low[..., None]) & (middle <= high[..., None])
