"""Fixed-point numbers: int32 with 16 bits after the binary point.

Augmentation computes with them because integers give the same bits on every device, in every
batch and with every fusion by a compiler: a float32 sum may differ in its last bit, which
becomes visible when it is rounded to a grey level.
"""

import tensorflow as tf

BITS = 16
ONE = 1 << BITS
HALF = ONE >> 1


def of(value: tf.Tensor) -> tf.Tensor:
    """Converts float64 to int32, rounded; the last bits of a float64, which may differ, vanish."""
    return tf.cast(tf.round(value * ONE), tf.int32)


def shift(value: tf.Tensor, bits: int = BITS) -> tf.Tensor:
    """Divides integers by a power of two and rounds down."""
    return tf.bitwise.right_shift(value, tf.constant(bits, value.dtype))


def rounded(value: tf.Tensor) -> tf.Tensor:
    """Converts int32 fixed point to uint8 in 0–255, rounded and clipped."""
    return tf.cast(tf.clip_by_value(shift(value + HALF), 0, 255), tf.uint8)


def blend(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """Computes ``first`` + ``share`` × (``second`` − ``first``).

    Args:
      first: int32, in 0–255.
      second: int32, in 0–255.
      share: int32 fixed point; above 1 it extrapolates beyond ``second``.

    Returns:
      uint8 in 0–255, rounded and clipped.
    """
    return rounded(first * ONE + (second - first) * share)
