"""Decodes JPEG inside a TensorFlow graph. Dimension letters: H, W height and width.

Source: ITU-T T.81, annex B; CIPA DC-008 (EXIF 2.32), 4.7; Adobe XMP Specification, part 3, 1.1.3.
"""

from typing import NamedTuple

import tensorflow as tf

from data.graph import graph_bytes, graph_orientation, icc_conversion
from data.images import decode_config, image_reading, refusals

MAGIC = b"\xff\xd8\xff"
MAX_SEGMENTS = 4096
_EXIF_ID = b"Exif\0\0"
_XMP_ID = b"http://ns.adobe.com/xap/1.0/\0"
# In files of 4 colours; without it TensorFlow inverts the inks, Pillow assumes it is there.
_ADOBE = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
_WORDS = 7  # of 4 bytes that are read of each segment: two of them identify it

# The segments to find: the second byte of the marker, the word of the segment to compare, its
# expected value, and whether the first such segment counts; else the last.
_SOUGHT = [
    (0xE1, 1, graph_bytes.name(b"Exif"), True),
    (0xE1, 6, graph_bytes.name(_XMP_ID[20:24]), False),
    (0xEE, 1, graph_bytes.name(b"Adob"), False),
]
_MARKERS, _AT, _NAMES, _FIRST = (list(column) for column in zip(*_SOUGHT, strict=True))
# C4, C8 and CC are tables and an extension among the frames.
_IS_FRAME = [0xC0 <= code <= 0xCF and code not in (0xC4, 0xC8, 0xCC) for code in range(256)]
# The distance to the next marker after one without a length; 0 for markers that have one.
_STEPS = [2 if code < 0xC0 or 0xD0 <= code <= 0xD8 else 0 for code in range(255)] + [1]
_SCAN, _END = 0xDA, 0xD9
# Baseline, extended and progressive; the last two with arithmetic codes.
_FRAMES = (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)


class _Segments(NamedTuple):
    """The positions of a JPEG's segments, int32 []; 0 if there is none."""

    exif: tf.Tensor
    xmp: tf.Tensor
    adobe: tf.Tensor
    frame: tf.Tensor


def decode(
    encoded: tf.Tensor, reading: image_reading.Reading, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a JPEG and turns it upright.

    Args:
      encoded: string [] that starts with MAGIC.
      reading: the rules by which ingest read the training images.
      max_pixels: the largest height × width.

    Returns:
      pixels uint8 [H, W, 3], and the reason for a refusal, string [], empty if it is accepted.
    """
    content = graph_bytes.padded(encoded)
    found = _walk(content, tf.strings.length(encoded))
    frame = _frame(content, found)
    reason = _refusal(found, frame, max_pixels)

    def decode_within_limit(image: tf.Tensor) -> tf.Tensor:
        # From the decoder's own reading of the size: it may parse a hostile file differently.
        shape = tf.cast(tf.io.extract_jpeg_shape(image), tf.int64)
        image = tf.where(shape[0] * shape[1] <= max_pixels, image, "")
        return tf.io.decode_image(image, channels=3, expand_animations=False)

    def pixels() -> tuple[tf.Tensor, tf.Tensor]:
        lacks_marker = (frame[9] == 4) & (found.adobe == 0)
        image = tf.cond(lacks_marker, lambda: _with_adobe(encoded), lambda: encoded)
        decoded, reason = graph_bytes.attempt_pixels(decode_within_limit, image)
        decoded, reason = icc_conversion.by_rule(decoded, encoded, reading, reason)
        return graph_orientation.upright(decoded, _orientation(content, found)), reason

    return graph_bytes.unless(reason, pixels)


def examine(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns what :func:`decode` does to a JPEG, string [], besides decoding it.

    Returns:
      the reason for a refusal before decoding, string [], empty if there is none; and the
      orientation to undo, int32 [], 0 if none is recorded.
    """
    content = graph_bytes.padded(encoded)
    found = _walk(content, tf.strings.length(encoded))
    return _refusal(found, _frame(content, found), decode_config.MAX_PIXELS), _orientation(
        content, found
    )


def _frame(content: tf.Tensor, found: _Segments) -> tf.Tensor:
    """Returns the frame's marker, length, bits, height, width and number of colours, int32 [10]."""
    return graph_bytes.numbers(content, found.frame, 10)


def _refusal(found: _Segments, frame: tf.Tensor, max_pixels: int) -> tf.Tensor:
    height, width = frame[5] * 256 + frame[6], frame[7] * 256 + frame[8]
    is_known = tf.reduce_any(frame[1] == tf.constant(_FRAMES))
    return graph_bytes.first_reason(
        (found.frame == 0, refusals.DAMAGED),
        (~is_known | (frame[4] != 8), refusals.UNSUPPORTED_ENCODING),
        graph_bytes.too_many(height, width, max_pixels),
    )


def _walk(content: tf.Tensor, size: tf.Tensor) -> _Segments:
    """Walks the segments of a padded file up to the first scan."""

    def more(position: tf.Tensor, goes_on: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return goes_on & (position < size)

    def step(position: tf.Tensor, goes_on: tf.Tensor, found: tf.Tensor) -> list[tf.Tensor]:
        words = graph_bytes.words(content, position, _WORDS)
        marker = tf.bitwise.bitwise_and(tf.bitwise.right_shift(words[0], 16), 0xFFFF)
        length = tf.bitwise.bitwise_and(words[0], 0xFFFF)
        is_marker = marker >= 0xFF00
        code = tf.where(is_marker, marker - 0xFF00, 0xFF)
        alone = tf.gather(tf.constant(_STEPS), code)
        stride = tf.where(alone > 0, alone, 2 + tf.maximum(length, 2))
        is_sought = (code == tf.constant(_MARKERS)) & (tf.gather(words, _AT) == _NAMES)
        is_sought &= (found[:-1] == 0) | ~tf.constant(_FIRST)
        is_found = tf.concat([is_sought, [tf.gather(tf.constant(_IS_FRAME), code)]], 0)
        goes_on = (code != _SCAN) & (code != _END)
        return [position + stride, goes_on, tf.where(is_found, position, found)]

    start = [tf.constant(2), tf.constant(True), tf.zeros([len(_SOUGHT) + 1], tf.int32)]
    _, _, found = tf.while_loop(more, step, start, maximum_iterations=MAX_SEGMENTS)
    return _Segments(*tf.unstack(found))


def _orientation(content: tf.Tensor, found: _Segments) -> tf.Tensor:
    """Returns the orientation in EXIF or XMP, int32 []; 0 if neither has one."""

    def body(position: tf.Tensor, skipped: int) -> tf.Tensor:
        length = graph_bytes.words(content, position, 1)[0]
        length = tf.bitwise.bitwise_and(length, 0xFFFF) - 2 - skipped
        return tf.strings.substr(content, position + 4 + skipped, tf.maximum(length, 0))

    def orientation() -> tf.Tensor:
        tiff, packet = body(found.exif, len(_EXIF_ID)), body(found.xmp, len(_XMP_ID))
        return graph_orientation.exif_else_xmp(tiff, packet, found.exif > 0, found.xmp > 0)

    return tf.cond(found.exif + found.xmp > 0, orientation, lambda: tf.constant(0))  # type: ignore[no-any-return]


def _with_adobe(encoded: tf.Tensor) -> tf.Tensor:
    head, tail = tf.strings.substr(encoded, 0, 2), tf.strings.substr(encoded, 2, graph_bytes.REST)
    return tf.strings.join([head, _ADOBE, tail])
