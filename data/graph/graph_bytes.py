"""Reads integers from bytes and decodes without raising, inside a TensorFlow graph.

Dimension letters: H, W height and width, C channels.
"""

from collections.abc import Callable

import tensorflow as tf

from data.images import image_reading, refusals

# Appended to files, so that reading a few bytes past their end gives zeros, not an error.
PADDING = b"\0" * 128
REST = 1 << 30  # a length that reaches to the end of any string


def name(text: bytes) -> int:
    """Returns four bytes as a big-endian int32."""
    return int.from_bytes(text, "big", signed=True)


def padded(encoded: tf.Tensor) -> tf.Tensor:
    """Returns a string [] with PADDING at its end."""
    return tf.strings.join([encoded, PADDING])


def words(content: tf.Tensor, position: tf.Tensor, count: int) -> tf.Tensor:
    """Returns big-endian int32 [count] at a position of a string [] that is long enough."""
    part = tf.strings.substr(content, position, 4 * count)
    return tf.ensure_shape(tf.io.decode_raw(part, tf.int32, little_endian=False), [count])


def numbers(encoded: tf.Tensor, position: tf.Tensor | int, size: int) -> tf.Tensor:
    """Returns ``size`` bytes at a position of a string [] as int32 [size], zeros past its end."""
    head = tf.io.decode_raw(tf.strings.substr(padded(encoded), position, size), tf.uint8)
    return tf.pad(tf.cast(head, tf.int32), [[0, size - tf.size(head)]])


def integer(content: tf.Tensor, position: tf.Tensor, size: int, big: tf.Tensor | bool) -> tf.Tensor:
    """Reads an unsigned integer of ``size`` bytes at each position.

    Args:
      content: bytes as uint8 or int32 [N].
      position: int32, any shape.
      size: 1, 2 or 4 bytes.
      big: whether the first byte is the most significant one.

    Returns:
      int32 of the shape of ``position``; integers of 4 bytes wrap to negative ones.
    """
    total_big = tf.zeros_like(position)
    total_little = tf.zeros_like(position)
    for index in range(size):
        byte = tf.cast(tf.gather(content, position + index), tf.int32)
        total_big = total_big * 256 + byte
        total_little += byte * (1 << (8 * index)) if index < 3 else tf.bitwise.left_shift(byte, 24)
    if isinstance(big, bool):
        return total_big if big else total_little
    return tf.where(big, total_big, total_little)


def attempt(
    function: Callable[[tf.Tensor], tf.Tensor], content: tf.Tensor, otherwise: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Calls a function that may raise, and returns a default if it does.

    A graph has no try: a data set of one element that drops errors is the only way. It builds the
    function again at each call, so a function of few operations is cheap: decoding alone costs
    0.15 ms of CPU time, all reading of an image's bytes 3 ms.

    Args:
      function: from ``content``, a string [], to a tensor.
      content: string [].
      otherwise: the result if it raises.

    Returns:
      the result, and whether the function did not raise, bool [].
    """
    result = tf.data.Dataset.from_tensors(content).map(lambda one: (function(one), True))
    fallback = tf.data.Dataset.from_tensors((otherwise, False))
    return result.ignore_errors().concatenate(fallback).take(1).get_single_element()  # type: ignore[no-any-return]


def attempt_pixels(
    function: Callable[[tf.Tensor], tf.Tensor], content: tf.Tensor, channels: int = 3
) -> tuple[tf.Tensor, tf.Tensor]:
    """Does the same as :func:`attempt` for a decoder; one black pixel if it raises.

    Args:
      function: of ``content``, a string [], to pixels uint8 [H, W, C].
      content: string [].
      channels: C.

    Returns:
      pixels [H, W, C], and the reason if there are none, string []: DAMAGED, or empty.
    """
    pixels, ok = attempt(function, content, tf.zeros([1, 1, channels], tf.uint8))
    return tf.ensure_shape(pixels, [None, None, channels]), tf.where(ok, "", refusals.DAMAGED)


def first_reason(*cases: tuple[tf.Tensor, str]) -> tf.Tensor:
    """Returns the code, string [], of the first true condition, bool []; empty if none is."""
    reason = tf.constant("")
    for holds, code in reversed(cases):
        reason = tf.where(holds, code, reason)
    return reason


def too_many(height: tf.Tensor, width: tf.Tensor, max_pixels: int) -> tuple[tf.Tensor, str]:
    """Returns the case of :func:`first_reason` for an image of too many pixels."""
    pixels = tf.cast(height, tf.int64) * tf.cast(width, tf.int64)
    return pixels > max_pixels, refusals.TOO_MANY_PIXELS


def nothing() -> tf.Tensor:
    """Returns one black pixel, uint8 [1, 1, 3], in place of an image that is refused."""
    return tf.zeros([1, 1, 3], tf.uint8)


def unless(
    reason: tf.Tensor, decode: Callable[[], tuple[tf.Tensor, tf.Tensor]]
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes unless there is a reason for a refusal.

    Args:
      reason: string [], a code or empty.
      decode: returns pixels uint8 [H, W, 3], and the reason if there are none.

    Returns:
      the same as ``decode``, which is not called if there was a reason before.
    """
    pixels, reason = tf.cond(reason == "", decode, lambda: (nothing(), reason))
    pixels = tf.cond(reason == "", lambda: pixels, nothing)
    return tf.ensure_shape(pixels, [None, None, 3]), reason


def blend(pixels: tf.Tensor, background: image_reading.Colour) -> tf.Tensor:
    """Blends pixels uint8 [H, W, 4] with a background to uint8 [H, W, 3], as Pillow does."""
    alpha = pixels[..., 3:]

    def blended() -> tf.Tensor:
        opacity = tf.cast(alpha, tf.float32) / 255
        layer = tf.cast(pixels[..., :3], tf.float32)
        mixed = layer * opacity + tf.constant(background, tf.float32) * (1 - opacity)
        return tf.cast(tf.round(mixed), tf.uint8)

    return tf.cond(tf.reduce_all(alpha == 255), lambda: pixels[..., :3], blended)  # type: ignore[no-any-return]
