"""Boxes of a batch → what the maps of the head should be, inside the graph of the loss.

Each object is a Gaussian around its centre, as wide as its box is. Its core, the cells in the inner
half of the box, learns its class and its box; a cell that lies in several cores belongs to the object
whose Gaussian is highest there. Learning from whole cores instead of single centres: Liu et al., 2019,
TTFNet, https://arxiv.org/abs/1909.00700, with which training ends several times sooner.

Dimension letters: B batch, M objects, K classes, h w the map.
"""

from typing import NamedTuple

import tensorflow as tf

# The standard deviation of a Gaussian in shares of the side of its box.
SIGMA = 1 / 6
# A cell is in the core of an object if its Gaussian there is at least this: the inner half.
LEAST = 0.35
_SMALLEST_SIGMA = 0.3  # in cells


class Maps(NamedTuple):
    """Targets of a batch.

    Attributes:
      centred: float32 [B, h, w] in 0–1: the Gaussian of the object that a cell belongs to, 1 at its
        centre; 0 outside of all cores.
      weights: float32 [B, h, w]: how much a cell counts. The cells of an object count as the root of
        their number: large objects count more than small ones, but not by their area.
      boxes: float32 [B, h, w, 4]: the box of that object.
      classes: float32 [B, h, w, K]: 1 for its class; all 0 outside of cores.
      counts: float32 [B, h, w]: 0 within an object that is ignored and outside of cores, else 1.
    """

    centred: tf.Tensor
    weights: tf.Tensor
    boxes: tf.Tensor
    classes: tf.Tensor
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
    cores = tf.where(is_object[..., None, None] & (bells >= LEAST), bells, 0.0)
    sums = tf.reduce_sum(cores, axis=[2, 3], keepdims=True)
    shares = cores / tf.sqrt(tf.maximum(sums, 1.0))
    inside = _inside(corners[..., 0], corners[..., 2], height)[..., :, None]
    inside = inside & _inside(corners[..., 1], corners[..., 3], width)[..., None, :]
    hidden = tf.reduce_any(inside & is_ignored[..., None, None], axis=1)
    # A place more, so that a batch without any object has something to choose from.
    cores, shares = (tf.pad(one, [[0, 0], [0, 1], [0, 0], [0, 0]]) for one in (cores, shares))
    chosen = tf.argmax(cores, axis=1, output_type=tf.int32)
    centred = tf.reduce_max(cores, axis=1)
    weights = tf.gather(tf.transpose(shares, [0, 2, 3, 1]), chosen, batch_dims=3)
    boxes = tf.gather(tf.pad(corners, [[0, 0], [0, 1], [0, 0]]), chosen, batch_dims=1)
    numbers = tf.gather(tf.pad(class_ids, [[0, 0], [0, 1]]), chosen, batch_dims=1)
    is_core = centred > 0
    classes = tf.one_hot(tf.where(is_core, numbers, -1), class_count)
    counts = tf.where(hidden & ~is_core, 0.0, 1.0)
    return Maps(centred, weights, boxes, classes, counts)


def _gaussian(low: tf.Tensor, high: tf.Tensor, cells: int) -> tf.Tensor:
    """Returns Gaussians along one axis, 1 in the cell of the centre: float32 [B, M, cells]."""
    centre = tf.clip_by_value(tf.floor((low + high) / 2 * cells), 0.0, cells - 1.0)
    sigma = tf.maximum((high - low) * cells * SIGMA, _SMALLEST_SIGMA)
    distance = tf.range(cells, dtype=tf.float32) - centre[..., None]
    return tf.exp(-0.5 * tf.square(distance / sigma[..., None]))


def _inside(low: tf.Tensor, high: tf.Tensor, cells: int) -> tf.Tensor:
    middle = (tf.range(cells, dtype=tf.float32) + 0.5) / cells
    return (middle >= low[..., None]) & (middle <= high[..., None])
