"""The geometry of images, for their masks: to the square that a model sees, and back.

Dimension letters: H W upright image, S side of the square, h w map, K classes.
"""

import tensorflow as tf

from data.graph import decoding
from data.masks import VOID

INTERPOLATED_PX = 1024


def resize_mask(mask: tf.Tensor, size_px: int, mode: decoding.ResizeMode) -> tf.Tensor:
    """Resizes the mask of an image as :func:`decoding.resize` does the image, by nearest: no value is invented.

    Args:
      mask: uint8 [H, W].
      size_px: the side S.
      mode: see :func:`decoding.resize`; letterbox pads with 255, void.

    Returns:
      uint8 [S, S].
    """
    height, width = tf.shape(mask)[0], tf.shape(mask)[1]
    if mode == "center_crop":
        top, left, side = decoding.middle(height, width)
        mask = mask[top : top + side, left : left + side]
    if mode == "letterbox":
        top, left, inner_height, inner_width = decoding.inside(height, width, size_px)
        inner = _nearest(mask, inner_height, inner_width)
        below, right = size_px - top - inner_height, size_px - left - inner_width
        resized = tf.pad(inner, [[top, below], [left, right]], constant_values=VOID)
    else:
        resized = _nearest(mask, size_px, size_px)
    return tf.ensure_shape(resized, [size_px, size_px])


def upright_classes(
    scores: tf.Tensor, size: tf.Tensor, size_px: int, mode: decoding.ResizeMode
) -> tf.Tensor:
    """Maps the scores of a square back to the upright image: the class that is highest there.

    Scores are interpolated bilinearly, up to a longest side of INTERPOLATED_PX; beyond it, which is
    finer than any model sees, pixels are repeated, so that memory stays bounded.

    Args:
      scores: float32 [h, w, K], of the square that :func:`decoding.resize` made, at any resolution.
      size: H and W of the upright image, int32 [2].
      size_px: the side S.
      mode: see :func:`decoding.resize`; center_crop leaves 255, void, outside of the square.

    Returns:
      uint8 [H, W]; class numbers.
    """
    height, width = tf.unstack(size)
    if mode == "center_crop":
        top, left, side = decoding.middle(height, width)
        inner = _highest(scores, side, side)
        edges = [[top, height - side - top], [left, width - side - left]]
        return tf.pad(inner, edges, constant_values=VOID)
    if mode == "letterbox":
        top, left, inner_height, inner_width = decoding.inside(height, width, size_px)
        scores = tf.image.resize(scores, [size_px, size_px])
        scores = scores[top : top + inner_height, left : left + inner_width]
    return _highest(scores, height, width)


def upright_mask(
    mask: tf.Tensor, size: tf.Tensor, size_px: int, mode: decoding.ResizeMode
) -> tf.Tensor:
    """Maps a mask of a square back to the upright image by nearest.

    Args:
      mask: uint8 [h, w], of the square that :func:`decoding.resize` made, at any resolution.
      size: H and W of the upright image, int32 [2].
      size_px: the side S.
      mode: see :func:`decoding.resize`; center_crop leaves 255, void, outside of the square.

    Returns:
      uint8 [H, W].
    """
    height, width = tf.unstack(size)
    if mode == "center_crop":
        top, left, side = decoding.middle(height, width)
        edges = [[top, height - side - top], [left, width - side - left]]
        return tf.pad(_nearest(mask, side, side), edges, constant_values=VOID)
    if mode == "letterbox":
        top, left, inner_height, inner_width = decoding.inside(height, width, size_px)
        mask = _nearest(mask, size_px, size_px)
        mask = mask[top : top + inner_height, left : left + inner_width]
    return _nearest(mask, height, width)


def _highest(scores: tf.Tensor, height: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    longest = tf.maximum(height, width)
    scale = tf.minimum(1.0, INTERPOLATED_PX / tf.cast(longest, tf.float32))
    inner = [
        tf.maximum(1, tf.cast(tf.round(tf.cast(side, tf.float32) * scale), tf.int32))
        for side in (height, width)
    ]
    # One class at a time: all at once take gigabytes for hundreds of classes.
    first = tf.image.resize(scores[..., :1], inner)[..., 0]
    best = (tf.constant(1), first, tf.zeros(inner, tf.uint8))

    def step(index: tf.Tensor, highest: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, ...]:
        resized = tf.image.resize(scores[..., index : index + 1], inner)[..., 0]
        above = resized > highest
        ids = tf.where(above, tf.cast(index, tf.uint8), ids)
        return index + 1, tf.maximum(resized, highest), ids

    shapes = (tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape([None, None]))
    _, _, ids = tf.while_loop(
        lambda index, *_: index < scores.shape[-1], step, best, shape_invariants=shapes
    )
    return _nearest(ids, height, width)


def _nearest(mask: tf.Tensor, height: tf.Tensor | int, width: tf.Tensor | int) -> tf.Tensor:
    """Samples [h, w] at the centres of the new pixels, in integers: the same on every device."""
    rows, columns = (
        (2 * tf.range(new) + 1) * old // (2 * new)
        for new, old in zip((height, width), tf.unstack(tf.shape(mask)), strict=True)
    )
    return tf.gather(tf.gather(mask, rows), columns, axis=1)
