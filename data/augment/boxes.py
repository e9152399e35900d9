"""Moves boxes as the one warp of an image moves its pixels.

The four corners of a box are mapped, and the box around them is clipped to the image. A box of
which too little is left counts as lost. Dimension letters: B batch, M boxes.
"""

import functools

import tensorflow as tf

from data.augment import augment_config, policy, warp

# Of the area of the moved box before it is clipped.
MIN_LEFT_SHARE = 0.3


def move(
    boxes: tf.Tensor,
    draws: tf.Tensor,
    config: augment_config.AugmentConfig,
    min_left_share: float = MIN_LEFT_SHARE,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Moves boxes by the geometry that the same draws give the pixels.

    Args:
      boxes: float32 [B, M, 4] in 0–1: ymin, xmin, ymax, xmax.
      draws: float32 [B, DRAWS] in [0, 1), those of the images.
      config: the extents.
      min_left_share: share of its area that a box must keep within the image, in 0–1.

    Returns:
      Boxes float32 [B, M, 4] in 0–1, and which are left, bool [B, M]; the others are all 0.
    """
    draws = tf.cast(draws, tf.float64)
    maps = warp.changes(draws, config) + policy.maps(policy.steps(draws, config), config)
    moved = tf.cast(boxes, tf.float64)
    if maps:
        # The maps lead from the output to the input; corners go the other way.
        joined = functools.reduce(tf.matmul, maps)
        moved = _around(moved, tf.linalg.inv(joined))
    clipped = tf.clip_by_value(moved, 0.0, 1.0)
    whole, left = _area(moved), _area(clipped)
    kept = (left > 0) & (left >= min_left_share * whole)
    return tf.where(kept[..., None], tf.cast(clipped, tf.float32), 0.0), kept


def _around(boxes: tf.Tensor, forward: tf.Tensor) -> tf.Tensor:
    """Maps corners, and returns the boxes around them: float64 [B, M, 4]."""
    top, left, bottom, right = tf.unstack(boxes - 0.5, axis=-1)
    x = tf.stack([left, right, left, right], axis=-1)
    y = tf.stack([top, top, bottom, bottom], axis=-1)
    entries = forward[:, :, :, None, None]
    new_x = entries[:, 0, 0] * x + entries[:, 0, 1] * y + entries[:, 0, 2] + 0.5
    new_y = entries[:, 1, 0] * x + entries[:, 1, 1] * y + entries[:, 1, 2] + 0.5
    ends = [tf.reduce_min(new_y, -1), tf.reduce_min(new_x, -1)]
    ends += [tf.reduce_max(new_y, -1), tf.reduce_max(new_x, -1)]
    return tf.stack(ends, axis=-1)


def _area(boxes: tf.Tensor) -> tf.Tensor:
    sides = tf.maximum(boxes[..., 2:] - boxes[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]
