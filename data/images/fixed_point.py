"""Numbers as int32 with 16 bits after the point.

Augmentation computes with them because integers give the same bits on every device, in every
batch and however a compiler fuses: a float32 sum may differ in its last bit, and rounding to a
level of grey shows it.
"""

import tensorflow as tf

BITS = 16
ONE = 1 << BITS
HALF = ONE >> 1


def of(value: tf.Tensor) -> tf.Tensor:
    """float64 → int32, rounded; float64 because its last bits, which may differ, round away."""
    return tf.cast(tf.round(value * ONE), tf.int32)


def shift(value: tf.Tensor, bits: int = BITS) -> tf.Tensor:
    """Divides integers by a power of two and rounds down."""
    return tf.bitwise.right_shift(value, tf.constant(bits, value.dtype))


def rounded(value: tf.Tensor) -> tf.Tensor:
    """int32 fixed point → uint8 in 0–255, rounded and clipped."""
    return tf.cast(tf.clip_by_value(shift(value + HALF), 0, 255), tf.uint8)


def blend(first: tf.Tensor, second: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """``first`` + ``share`` × (``second`` − ``first``).

    Args:
      first: int32, in 0–255.
      second: int32, in 0–255.
      share: int32 fixed point; above 1 it leads beyond ``second``.

    Returns:
      uint8 in 0–255, rounded and clipped.
    """
    return rounded(first * ONE + (second - first) * share)
