"""Applies all geometry as one affine warp, so that each pixel is interpolated once.

A matrix maps the output to the input: each output pixel is sampled from its source. Coordinates
have their origin at the image's centre and the side as their unit, x to the right and y down.
Dimension letters: B batch, S side in pixels.
"""

import math
from typing import Literal

import tensorflow as tf

from data.augment import augment_config, randomness
from data.images import fixed_point
from data.masks import VOID

Draw = randomness.Draw
Border = Literal["mirror", "grey"]

# Near the mean of photographs, so that it neither shines nor gapes.
GREY = 127
_WEIGHT_BITS = 8
_WEIGHT_ONE = 1 << _WEIGHT_BITS


def matrix(
    linear: tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], shift: tuple[tf.Tensor, tf.Tensor]
) -> tf.Tensor:
    """Builds an affine map.

    Args:
      linear: xx, xy, yx, yy, each float64 [B]: x' = xx·x + xy·y + shift.
      shift: along x and y, float64 [B], in sides.

    Returns:
      float64 [B, 3, 3].
    """
    zero = tf.zeros_like(linear[0])
    rows = [linear[0], linear[1], shift[0], linear[2], linear[3], shift[1], zero, zero, zero + 1]
    return tf.reshape(tf.stack(rows, axis=1), [-1, 3, 3])


def changes(draws: tf.Tensor, config: augment_config.AugmentConfig) -> list[tf.Tensor]:
    """Returns the maps of the config's geometry, in the order of their application.

    Args:
      draws: float64 [B, DRAWS] in [0, 1).
      config: the extents.

    Returns:
      Matrices float64 [B, 3, 3]; none if the config has no geometry.
    """
    maps = []
    if config.crop_min_area_fraction < 1:
        maps.append(_crop(draws, config))
    extents = (config.rotation_degrees, config.zoom_fraction, config.translation_fraction)
    if any(extents) or config.horizontal_flip or config.vertical_flip:
        maps.append(_turn(draws, config))
    return maps


def _turn(draws: tf.Tensor, config: augment_config.AugmentConfig) -> tf.Tensor:
    """Returns the map of flips, rotation, zoom and translation."""
    angle = randomness.signed(draws, Draw.ROTATION) * (config.rotation_degrees * math.pi / 180)
    scale = 1.0 + randomness.signed(draws, Draw.ZOOM) * config.zoom_fraction
    cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
    one = tf.ones_like(angle)
    mirror_x, mirror_y = one, one
    if config.horizontal_flip:
        mirror_x = tf.where(draws[:, Draw.FLIP_HORIZONTAL] < 0.5, -one, one)
    if config.vertical_flip:
        mirror_y = tf.where(draws[:, Draw.FLIP_VERTICAL] < 0.5, -one, one)
    shift_x = randomness.signed(draws, Draw.TRANSLATION_X) * config.translation_fraction
    shift_y = randomness.signed(draws, Draw.TRANSLATION_Y) * config.translation_fraction
    linear = (cos * mirror_x, -sin * mirror_y, sin * mirror_x, cos * mirror_y)
    return matrix(linear, (shift_x, shift_y))


def _crop(draws: tf.Tensor, config: augment_config.AugmentConfig) -> tf.Tensor:
    """Returns the map of a crop of random area, aspect ratio and position, resized to the whole.

    Source: Szegedy et al., 2014, https://arxiv.org/abs/1409.4842, section 6. The ratio's logarithm
    is uniform. A crop longer than the image is cut to it, not drawn again.
    """
    smallest = config.crop_min_area_fraction
    area = smallest + draws[:, Draw.CROP_AREA] * (1 - smallest)
    log_ratio = randomness.signed(draws, Draw.CROP_ASPECT) * math.log(config.crop_max_aspect_ratio)
    root, side = tf.exp(log_ratio / 2), tf.sqrt(area)
    width, height = tf.minimum(side * root, 1.0), tf.minimum(side / root, 1.0)
    shift_x = (draws[:, Draw.CROP_X] - 0.5) * (1 - width)
    shift_y = (draws[:, Draw.CROP_Y] - 0.5) * (1 - height)
    zero = tf.zeros_like(area)
    return matrix((width, zero, zero, height), (shift_x, shift_y))


def sample(pixels: tf.Tensor, maps: list[tf.Tensor], border: Border = "mirror") -> tf.Tensor:
    """Samples each output pixel from the input: bilinear, with mirrored or grey borders.

    Does not use ImageProjectiveTransformV3, which rounds down and so darkens by half a level, and
    whose last bits depend on the device.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255; S is at least 2.
      maps: float64 [B, 3, 3], in the order of their application; at least one.
      border: what lies beyond the edges.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    side = pixels.shape[1]
    across, down = _positions(maps, side)
    column, share_x = _neighbour(across, side)
    row, share_y = _neighbour(down, side)
    share_x, share_y = share_x[..., None], share_y[..., None]
    index = row * side + column
    flat = tf.reshape(pixels, [-1, side * side, 3])

    def look_up(step: int) -> tf.Tensor:
        return tf.cast(tf.gather(flat, index + step, batch_dims=1), tf.int32)

    upper = look_up(0) * (_WEIGHT_ONE - share_x) + look_up(1) * share_x
    lower = look_up(side) * (_WEIGHT_ONE - share_x) + look_up(side + 1) * share_x
    sampled = fixed_point.rounded(upper * (_WEIGHT_ONE - share_y) + lower * share_y)
    if border == "mirror":
        return sampled
    inside = _is_inside(across, down, side)
    return tf.where(inside[..., None], sampled, tf.constant(GREY, tf.uint8))


def sample_nearest(masks: tf.Tensor, maps: list[tf.Tensor], border: Border = "mirror") -> tf.Tensor:
    """Samples each output value from the nearest input pixel, with mirrored borders, or void.

    No value is invented, so class numbers stay class numbers. The result belongs to that of
    :func:`sample` for the same maps, bit for bit where these move whole pixels.

    Args:
      masks: uint8 [B, S, S]; S is at least 2.
      maps: as of :func:`sample`.
      border: as of :func:`sample`; where the image is grey, the mask is void.

    Returns:
      uint8 [B, S, S].
    """
    side = masks.shape[1]
    across, down = _positions(maps, side)
    column, row = (
        fixed_point.shift(_mirrored(position, side) + fixed_point.HALF)
        for position in (across, down)
    )
    moved = tf.gather(tf.reshape(masks, [-1, side * side]), row * side + column, batch_dims=1)
    if border == "mirror":
        return moved
    inside = _is_inside(across, down, side)
    return tf.where(inside, moved, tf.constant(VOID, tf.uint8))


def _positions(maps: list[tf.Tensor], side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns from where output pixels are sampled: x and y, int32 [B, S, S] in fixed point."""
    entries = _transforms(maps, side)[:, :, None, None]
    x, y = tf.range(side)[None, None, :], tf.range(side)[None, :, None]
    return (
        entries[:, 0] * x + entries[:, 1] * y + entries[:, 2],
        entries[:, 3] * x + entries[:, 4] * y + entries[:, 5],
    )


def _transforms(maps: list[tf.Tensor], side: int) -> tf.Tensor:
    """Composes maps and converts them to pixels.

    Args:
      maps: float64 [B, 3, 3], in the order of their application; at least one.
      side: S.

    Returns:
      int32 [B, 6] in fixed point: x' = t0·x + t1·y + t2, y' = t3·x + t4·y + t5, in pixels.
    """
    joined = maps[0]
    for following in maps[1:]:
        joined = joined @ following
    centre = (side - 1) / 2
    linear, shift = joined[:, :2, :2], joined[:, :2, 2]
    offset = centre + shift * side - tf.reduce_sum(linear, axis=2) * centre
    return tf.reshape(fixed_point.of(tf.concat([linear, offset[..., None]], axis=2)), [-1, 6])


def _neighbour(position: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the pixel at or before a position, and the interpolation weight of the next one.

    Args:
      position: int32, fixed point, in pixels.
      side: S.

    Returns:
      index int32 in 0 … S − 2, and the share of pixel index + 1, int32 in 0–256.
    """
    inside = _mirrored(position, side)
    index = tf.minimum(fixed_point.shift(inside), side - 2)
    share = fixed_point.shift(inside - index * fixed_point.ONE, fixed_point.BITS - _WEIGHT_BITS)
    return index, share


def _is_inside(across: tf.Tensor, down: tf.Tensor, side: int) -> tf.Tensor:
    """Returns whether positions, int32 in fixed point, lie within the outer edges of the pixels."""
    low, high = -fixed_point.HALF, side * fixed_point.ONE - fixed_point.HALF
    return (across >= low) & (across < high) & (down >= low) & (down < high)


def _mirrored(position: tf.Tensor, side: int) -> tf.Tensor:
    """Mirrors positions at the outer edges of the first and last pixel, up to three sides away.

    Args:
      position: int32, fixed point, in pixels.
      side: S.

    Returns:
      int32, fixed point, in 0 … S − 1.
    """
    length = side * fixed_point.ONE
    edge = tf.abs(position + fixed_point.HALF)
    edge = tf.abs(length - tf.abs(length - edge))
    return tf.clip_by_value(edge - fixed_point.HALF, 0, length - fixed_point.ONE)
