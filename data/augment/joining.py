"""Mosaic and copy-paste: images of a batch shown in one another, and their boxes with them.

Dimension letters: B batch, S side in pixels, M boxes.
"""

import tensorflow as tf

from data.augment import augment_config, boxes, warp

# The corner in which the four images of a mosaic meet lies this far from the edges, in 0–1.
_MARGIN = 0.3
# Share of a box that another box may cover before one of them is not pasted, in 0–1.
_MOST_COVERED = 0.1
_PASTED_SHARE = 0.5  # of the objects that can be pasted


def join(
    pixels: tf.Tensor,
    corners: tf.Tensor,
    present: tf.Tensor,
    config: augment_config.JoinConfig,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Joins images of a shuffled batch: copy-paste first, then mosaic.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255.
      corners: float32 [B, M, 4] in 0–1: ymin, xmin, ymax, xmax.
      present: bool [B, M]: which places hold an object.
      config: how often.
      seed: int64 [2]; the same seed joins the same batch in the same way.

    Returns:
      The pixels; the objects of each image as corners float32 [B, M, 4] and present bool [B, M],
      of more than M the first ones; and where each of them comes from, int32 [B, M, 2]: image and
      place in the batch that was given.
    """
    batch, count = tf.shape(corners)[0], corners.shape[1]
    places = tf.stack(tf.meshgrid(tf.range(batch), tf.range(count), indexing="ij"), axis=-1)
    paste, mosaic_seed = tf.unstack(tf.random.split(tf.cast(seed, tf.int64), 2))
    joined = pixels, corners, present, places
    if config.copy_paste_probability:
        joined = _pasted(*joined, config.copy_paste_probability, paste)
    if config.mosaic_probability:
        joined = _mosaic(*joined, config.mosaic_probability, mosaic_seed)
    return joined


def _pasted(
    pixels: tf.Tensor,
    corners: tf.Tensor,
    present: tf.Tensor,
    places: tf.Tensor,
    probability: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Copies boxes of the neighbour in the batch to the same place.

    Only objects that touch no other one of their image, and that hide none of the other's: what is
    pasted is the whole rectangle, since there is no mask. After Ghiasi et al., 2020,
    https://arxiv.org/abs/2012.07177, which pastes masks.
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    other = tuple(tf.roll(one, 1, axis=0) for one in (pixels, corners, present, places))
    chosen = tf.random.stateless_uniform(tf.shape(present), seeds[0]) < _PASTED_SHARE
    drawn = tf.random.stateless_uniform([tf.shape(pixels)[0], 1], seeds[1]) < probability
    itself = tf.eye(corners.shape[1], dtype=tf.bool)
    alone = ~tf.reduce_any(_covers(other[1], other[1]) & other[2][:, None] & ~itself, axis=2)
    free = ~tf.reduce_any(_covers(other[1], corners) & present[:, None], axis=2)
    taken = other[2] & chosen & drawn & alone & free
    side = pixels.shape[1]
    middles = (tf.range(side, dtype=tf.float32) + 0.5) / side
    # Corners on whole pixels are exact; a box that ends within a pixel gets it by half.
    rows = _within(other[1][..., 0], other[1][..., 2], middles)
    columns = _within(other[1][..., 1], other[1][..., 3], middles)
    inside = rows[..., :, None] & columns[..., None, :] & taken[..., None, None]
    shown = tf.reduce_any(inside, axis=1)[..., None]
    joined = _first(
        tf.concat([corners, other[1]], axis=1),
        tf.concat([present, taken], axis=1),
        tf.concat([places, other[3]], axis=1),
        corners.shape[1],
    )
    return tf.where(shown, other[0], pixels), *joined


def _mosaic(
    pixels: tf.Tensor,
    corners: tf.Tensor,
    present: tf.Tensor,
    places: tf.Tensor,
    probability: float,
    seed: tf.Tensor,
) -> tuple[tf.Tensor, ...]:
    """Shows an image and its three neighbours in the batch in the quarters of one.

    They meet in a random point, each with its inner corner, scaled to fill its quarter without
    changing its proportions. Source: Bochkovskiy et al., 2020, https://arxiv.org/abs/2004.10934.
    """
    seeds = tf.unstack(tf.random.split(seed, 2))
    batch, side = tf.shape(pixels)[0], pixels.shape[1]
    # On whole pixels, so that no pixel belongs to two quarters.
    meeting = _MARGIN + tf.random.stateless_uniform([batch, 2], seeds[0]) * (1 - 2 * _MARGIN)
    meeting = tf.round(meeting * side) / side
    drawn = tf.random.stateless_uniform([batch], seeds[1]) < probability
    middles = (tf.range(side, dtype=tf.float32) + 0.5) / side
    canvas, found = tf.zeros_like(pixels), []
    for index in range(4):
        lower, right = divmod(index, 2)
        near = tf.constant([lower, right], tf.float32)  # the quarter's outer corner
        shown, boxed, there, of = (
            tf.roll(one, index, axis=0) for one in (pixels, corners, present, places)
        )
        length = tf.abs(near - meeting)
        scale = tf.reduce_max(length, axis=1, keepdims=True)
        inner = 1 - near
        moved = _scaled(shown, scale, meeting, inner)
        is_down = (middles[None] >= meeting[:, :1]) == bool(lower)
        is_right = (middles[None] >= meeting[:, 1:]) == bool(right)
        canvas = tf.where((is_down[:, :, None] & is_right[:, None])[..., None], moved, canvas)
        low, high = tf.minimum(meeting, near), tf.maximum(meeting, near)
        ends = (tf.tile(one, [1, 2])[:, None] for one in (meeting, low, high))
        centre, lowest, highest = ends
        placed = centre + tf.tile(scale, [1, 4])[:, None] * (boxed - tf.tile(inner, [2]))
        clipped = tf.clip_by_value(placed, lowest, highest)
        kept = _area(clipped) >= boxes.MIN_LEFT_SHARE * _area(placed)
        found.append((clipped, there & kept & (_area(clipped) > 0), of))
    boxed, there, of = (tf.concat(part, axis=1) for part in zip(*found, strict=True))
    others = _first(boxed, there, of, corners.shape[1])
    before = (corners, present, places)
    chosen = (
        tf.where(tf.reshape(drawn, [-1] + [1] * (new.shape.rank - 1)), new, old)
        for new, old in zip(others, before, strict=True)
    )
    return tf.where(drawn[:, None, None, None], canvas, pixels), *chosen


def _scaled(pixels: tf.Tensor, scale: tf.Tensor, meeting: tf.Tensor, inner: tf.Tensor) -> tf.Tensor:
    """Shows images smaller, with their inner corner at a point: uint8 [B, S, S, 3]."""
    factor = tf.cast(1 / scale[:, 0], tf.float64)
    # From the output to the input, whose origins are the centres.
    shift = tf.cast((0.5 - meeting) / scale + inner - 0.5, tf.float64)
    zero = tf.zeros_like(factor)
    maps = warp.matrix((factor, zero, zero, factor), (shift[:, 1], shift[:, 0]))
    return warp.sample(pixels, [maps])


def _first(
    corners: tf.Tensor, present: tf.Tensor, places: tf.Tensor, count: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Moves the objects that are present to the front, in their order, and cuts to a count."""
    order = tf.argsort(tf.cast(~present, tf.int32), axis=1, stable=True)[:, :count]
    corners, present, places = (
        tf.gather(one, order, batch_dims=1) for one in (corners, present, places)
    )
    return tf.where(present[..., None], corners, 0.0), present, places


def _covers(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """Returns bool [B, M, M]: whether two boxes share too much of the smaller one."""
    low = tf.maximum(one[:, :, None, :2], other[:, None, :, :2])
    high = tf.minimum(one[:, :, None, 2:], other[:, None, :, 2:])
    shared = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=-1)
    smaller = tf.minimum(_area(one)[:, :, None], _area(other)[:, None])
    return shared > _MOST_COVERED * smaller


def _within(low: tf.Tensor, high: tf.Tensor, middles: tf.Tensor) -> tf.Tensor:
    return (middles >= low[..., None]) & (middles < high[..., None])


def _area(corners: tf.Tensor) -> tf.Tensor:
    sides = tf.maximum(corners[..., 2:] - corners[..., :2], 0.0)
    return sides[..., 0] * sides[..., 1]
