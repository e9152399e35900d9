"""Random erasing: fills a rectangle with noise. Dimension letters: B batch, S side in pixels.

Source: Zhong et al., 2017, https://arxiv.org/abs/1708.04896, with their smallest area and aspect
ratio and their best filling, random values. A rectangle longer than the image is cut to it, not
drawn again.
"""

import math

import tensorflow as tf

from data.augment import augment_config, change, randomness
from data.images import fixed_point

Draw = randomness.Draw

_SMALLEST_AREA = 0.02
_LARGEST_ASPECT_RATIO = 1 / 0.3
# Last: what is changed after it would no longer be noise.
_PLACE = 100
# Odd constants of the mixing steps of MurmurHash3, as int32.
_MIX = (-2048144789, -1028477387)


def is_on(config: augment_config.AugmentConfig) -> bool:
    """Returns whether the config erases anything."""
    return config.erase_probability > 0 and config.erase_area_fraction > 0


def erase(pixels: tf.Tensor, draws: tf.Tensor, config: augment_config.AugmentConfig) -> tf.Tensor:
    """Fills a rectangle of some of the images with noise.

    Args:
      pixels: uint8 [B, S, S, 3] in 0–255.
      draws: float64 [B, DRAWS] in [0, 1).
      config: how often and how much.

    Returns:
      uint8 [B, S, S, 3] in 0–255.
    """
    side = pixels.shape[1]
    top, left, bottom, right = (
        edge[:, None, None, None] for edge in tf.unstack(_boxes(draws, config, side), axis=1)
    )
    place = tf.range(side)
    y, x = place[None, :, None, None], place[None, None, :, None]
    inside = (y >= top) & (y < bottom) & (x >= left) & (x < right)
    # A hash of the position and a key: the same noise on every device.
    keys = tf.cast(draws[:, Draw.ERASE_NOISE] * 2.0**24, tf.int32)
    noise = (y * side + x) * 3 + tf.range(3) + keys[:, None, None, None] * 1_000_003
    for factor in _MIX:
        noise = tf.bitwise.bitwise_xor(noise, fixed_point.shift(noise)) * factor
    noise = tf.bitwise.bitwise_and(fixed_point.shift(noise), 255)
    return tf.where(inside, tf.cast(noise, tf.uint8), pixels)


def _boxes(draws: tf.Tensor, config: augment_config.AugmentConfig, side: int) -> tf.Tensor:
    """Returns top, left, bottom and right in pixels, int32 [B, 4]; an empty box erases nothing."""
    smallest = min(_SMALLEST_AREA, config.erase_area_fraction)
    area = smallest + draws[:, Draw.ERASE_AREA] * (config.erase_area_fraction - smallest)
    log_ratio = randomness.signed(draws, Draw.ERASE_ASPECT) * math.log(_LARGEST_ASPECT_RATIO)
    root = tf.exp(log_ratio / 2)
    erased = draws[:, Draw.ERASE] < config.erase_probability

    def span(length: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        size = tf.round(tf.minimum(length, 1.0) * side)
        size = tf.where(erased, size, tf.zeros_like(size))
        start = tf.floor(place * (side - size + 1))
        return start, start + size

    top, bottom = span(tf.sqrt(area) * root, draws[:, Draw.ERASE_Y])
    left, right = span(tf.sqrt(area) / root, draws[:, Draw.ERASE_X])
    return tf.cast(tf.stack([top, left, bottom, right], axis=1), tf.int32)


CHANGE = change.Change(is_on, erase, place=_PLACE)
