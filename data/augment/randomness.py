"""The random numbers of augmentation, separate from their use.

A view of an image is a pure function of its pixels and ``DRAWS`` uniform numbers. In a stream the
numbers come from a seed and the position of the batch (:func:`batch_draws`); for a view that must
be the same on every machine and in any order, from the image's digest (:func:`view_draws`).

Dimension letters: B batch, N images.
"""

import enum
import hashlib
import zlib

import numpy as np
import tensorflow as tf

from data.augment import augment_config

DRAWS_PER_POLICY_OPERATION = 3
# Odd constants of the last mixing steps of MurmurHash3, and of Weyl's sequence.
_MIX = (0x85EBCA6B, 0xC2B2AE35)
_STEP = 0x9E3779B9


class Draw(enum.IntEnum):
    """The meaning of each column of the draws.

    Columns keep their meaning for every config, so that turning one change on does not alter the
    others. A new column would alter all random numbers: new changes use :func:`own`.
    """

    FLIP_HORIZONTAL = 0
    FLIP_VERTICAL = 1
    ROTATION = 2
    ZOOM = 3
    TRANSLATION_X = 4
    TRANSLATION_Y = 5
    CONTRAST = 6
    BRIGHTNESS = 7
    SATURATION = 8
    CROP_AREA = 9
    CROP_ASPECT = 10
    CROP_X = 11
    CROP_Y = 12
    ERASE = 13
    ERASE_AREA = 14
    ERASE_ASPECT = 15
    ERASE_X = 16
    ERASE_Y = 17
    ERASE_NOISE = 18
    POLICY = 19


DRAWS = Draw.POLICY + DRAWS_PER_POLICY_OPERATION * augment_config.MAX_POLICY_OPERATIONS


def batch_draws(seed: tf.Tensor, batch: tf.Tensor | int) -> tf.Tensor:
    """Draws the numbers for a batch of a stream.

    Args:
      seed: int64 [2]; the same seed gives the same draws.
      batch: how many images B, an int or int32 [].

    Returns:
      float32 [B, DRAWS] in [0, 1).
    """
    return tf.random.stateless_uniform([batch, DRAWS], tf.cast(seed, tf.int64))  # type: ignore[no-any-return]


def view_draws(digests: list[bytes], view: int, seed: int) -> np.ndarray:
    """Draws the numbers for one view of each image, the same on every platform and for ever.

    Args:
      digests: an identifier of each image, such as its sha256.
      view: the number of the view, 0 or more.
      seed: the run's seed.

    Returns:
      float32 [N, DRAWS] in [0, 1).
    """
    suffix = f"/{view}/{seed}".encode()
    stream = b"".join(hashlib.shake_256(d + suffix).digest(4 * DRAWS) for d in digests)
    words = np.frombuffer(stream, "<u4").reshape(-1, DRAWS)
    # A float32 holds 24 bits: more would round up to 1.
    return ((words >> 8) * 2.0**-24).astype(np.float32)


def signed(draws: tf.Tensor, which: Draw | int) -> tf.Tensor:
    """Returns one column of float64 [B, DRAWS] draws, scaled to [-1, 1): float64 [B]."""
    return draws[:, which] * 2.0 - 1.0


def own(draws: tf.Tensor, name: str, count: int) -> tf.Tensor:
    """Derives random numbers for a change that has no column in the draws.

    They are a hash of all draws of the image, the name and their position, so a new change alters
    the random numbers of no other one.

    Args:
      draws: float64 [B, DRAWS] in [0, 1).
      name: the name of the change.
      count: how many numbers for each image, N.

    Returns:
      float64 [B, N] in [0, 1), multiples of 2⁻²⁴.
    """
    words = tf.cast(tf.cast(draws * 2.0**24, tf.int32), tf.uint32)
    weights = tf.constant([pow(_MIX[0], power, 2**32) for power in range(1, DRAWS + 1)], tf.uint32)
    keys = [(zlib.crc32(name.encode()) + number * _STEP) % 2**32 for number in range(count)]
    mixed = tf.reduce_sum(words * weights, axis=1, keepdims=True) + tf.constant(keys, tf.uint32)
    for shift, factor in zip((16, 13), _MIX, strict=True):
        mixed = tf.bitwise.bitwise_xor(mixed, _shifted(mixed, shift)) * tf.constant(
            factor, tf.uint32
        )
    mixed = tf.bitwise.bitwise_xor(mixed, _shifted(mixed, 16))
    return tf.cast(_shifted(mixed, 8), tf.float64) * 2.0**-24


def _shifted(values: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(values, tf.constant(bits, tf.uint32))
