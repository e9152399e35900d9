"""Decodes PNG inside a TensorFlow graph. Dimension letters: H, W height and width.

Source: PNG (third edition), W3C 2025.
"""

from typing import NamedTuple

import tensorflow as tf

from data.graph import graph_bytes, graph_orientation, icc_conversion
from data.images import image_reading, refusals, value_range

MAGIC = b"\x89PNG\r\n\x1a\n"
MAX_CHUNKS = 1 << 15
MAX_TEXT_BYTES = 1 << 16  # of a compressed text, which inflates to at most a thousand times that
_XMP_ID = b"XML:com.adobe.xmp\0"
_RAW_EXIF_ID = b"Raw profile type exif\0"
_GREY, _TRUE_COLOUR = 0, 2
_ALPHA = 4  # of the colour type's bits
_BYTES = [bytes([value]) for value in range(256)]

# The chunks to find: the name, and the word that follows; 0 if that does not matter.
_SOUGHT = [
    (graph_bytes.name(b"tRNS"), 0),
    (graph_bytes.name(b"eXIf"), 0),
    (graph_bytes.name(b"iTXt"), graph_bytes.name(_XMP_ID[:4])),
    (graph_bytes.name(b"zTXt"), graph_bytes.name(_RAW_EXIF_ID[:4])),
    (graph_bytes.name(b"tEXt"), graph_bytes.name(_RAW_EXIF_ID[:4])),
]
_NAMES, _STARTS = (list(column) for column in zip(*_SOUGHT, strict=True))
_END = graph_bytes.name(b"IEND")


class _Chunks(NamedTuple):
    """The position of a PNG's last chunk of each kind, int32 []; 0 if there is none.

    ``inflated`` and ``plain`` may hold EXIF as hexadecimal digits, as ImageMagick writes it.
    """

    transparency: tf.Tensor
    exif: tf.Tensor
    xmp: tf.Tensor
    deflated: tf.Tensor
    plain: tf.Tensor


def decode(
    encoded: tf.Tensor, reading: image_reading.Reading, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a PNG, blends transparent parts with the background, and turns it upright.

    Args:
      encoded: string [] that starts with MAGIC.
      reading: the rules by which ingest read the training images.
      max_pixels: the largest height × width.

    Returns:
      pixels uint8 [H, W, 3], and the reason for a refusal, string [], empty if it is accepted.
    """
    content = graph_bytes.padded(encoded)
    found, ended = _walk(content, tf.strings.length(encoded))
    head = graph_bytes.numbers(content, 0, 26)
    width, height = (graph_bytes.integer(head, tf.constant(at), 4, True) for at in (16, 20))
    depth, colour = head[24], head[25]
    has_key = found.transparency > 0
    # Pillow keeps 8 bits of such colours, so ingest cannot know which one is transparent.
    is_unclear = (depth == 16) & (colour == _TRUE_COLOUR) & has_key
    reason = graph_bytes.first_reason(
        ((width < 1) | (height < 1), refusals.DAMAGED),
        graph_bytes.too_many(height, width, max_pixels),
        (is_unclear | ~ended, refusals.UNSUPPORTED_ENCODING),
    )
    is_deep = (depth == 16) & (colour == _GREY)
    has_alpha = has_key | (tf.bitwise.bitwise_and(colour, _ALPHA) > 0)

    def pixels() -> tuple[tf.Tensor, tf.Tensor]:
        decoded, reason = _pixels(encoded, has_alpha, is_deep, reading)
        value, ok = _orientation(content, found)
        reason = tf.where(ok, reason, refusals.UNSUPPORTED_ENCODING)
        return graph_orientation.upright(decoded, value), reason

    return graph_bytes.unless(reason, pixels)


def _pixels(
    encoded: tf.Tensor, has_alpha: tf.Tensor, is_deep: tf.Tensor, reading: image_reading.Reading
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns pixels uint8 [H, W, 3], and the reason if there are none."""

    def deep_grey(image: tf.Tensor) -> tf.Tensor:
        pixels = tf.io.decode_png(image, 4, tf.uint16)
        levels = tf.constant(value_range.table(reading.value_range))
        grey = tf.gather(levels, tf.cast(pixels[..., :1], tf.int32))
        behind = tf.constant(reading.background, tf.uint8)
        # A grey value may mean transparency; there is no alpha channel.
        return tf.where(pixels[..., 3:] == 0, behind, grey)

    def blended() -> tuple[tf.Tensor, tf.Tensor]:
        pixels, reason = graph_bytes.attempt_pixels(_with_alpha, encoded, 4)
        # First to sRGB, then blended with the background, as ingest does.
        colours, reason = icc_conversion.by_rule(pixels[..., :3], encoded, reading, reason)
        pixels = tf.concat([colours, pixels[..., 3:]], axis=2)
        return graph_bytes.blend(pixels, reading.background), reason

    def opaque() -> tuple[tf.Tensor, tf.Tensor]:
        pixels, reason = graph_bytes.attempt_pixels(_without_alpha, encoded)
        return icc_conversion.by_rule(pixels, encoded, reading, reason)

    index = tf.where(is_deep, 0, tf.where(has_alpha, 1, 2))
    branches = [
        lambda: graph_bytes.attempt_pixels(deep_grey, encoded),
        blended,
        opaque,
    ]
    return tf.switch_case(index, branches)  # type: ignore[no-any-return]


# If a file lacks a requested alpha, TensorFlow fills in 2^depth − 1: 15 of 255 for 4 bits.
# 16-bit colours are cut to the high byte, as by Pillow.
def _with_alpha(image: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_png(image, 4)


def _without_alpha(image: tf.Tensor) -> tf.Tensor:
    return tf.io.decode_png(image, 3)


def _walk(content: tf.Tensor, size: tf.Tensor) -> tuple[_Chunks, tf.Tensor]:
    """Walks all chunks of a padded file, since EXIF may follow the pixels.

    Returns:
      the chunks, and whether the end was reached, bool [].
    """

    def more(position: tf.Tensor, found: tf.Tensor) -> tf.Tensor:
        return position < size

    def step(position: tf.Tensor, found: tf.Tensor) -> list[tf.Tensor]:
        words = graph_bytes.words(content, position, 3)
        length, name, start = words[0], words[1], words[2]
        is_found = (name == tf.constant(_NAMES)) & ((start == _STARTS) | ~tf.cast(_STARTS, tf.bool))
        left = size - position
        is_last = (name == _END) | (length < 0) | (length >= left - 12)
        return [
            position + tf.where(is_last, left, length + 12),
            tf.where(is_found, position, found),
        ]

    start = [tf.constant(len(MAGIC)), tf.zeros([len(_SOUGHT)], tf.int32)]
    position, found = tf.while_loop(more, step, start, maximum_iterations=MAX_CHUNKS)
    return _Chunks(*tf.unstack(found)), position >= size


def _orientation(content: tf.Tensor, found: _Chunks) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the orientation in EXIF or XMP, int32 [], or 0; and whether both are readable."""
    raw = tf.maximum(found.deflated, found.plain)
    has_any = found.exif + raw + found.xmp > 0

    def decoded() -> tuple[tf.Tensor, tf.Tensor]:
        exif, exif_ok = tf.cond(
            (found.exif > 0) | (raw == 0),
            lambda: (_body(content, found.exif), True),
            lambda: _raw_exif(content, raw, found.deflated == raw),
        )
        packet, xmp_ok = _packet(_body(content, found.xmp))
        has_exif = (found.exif > 0) | (tf.strings.length(exif) > 0)
        value = graph_orientation.exif_else_xmp(exif, packet, has_exif, found.xmp > 0)
        return value, exif_ok & xmp_ok

    return tf.cond(has_any, decoded, lambda: (tf.constant(0), True))  # type: ignore[no-any-return]


def _body(content: tf.Tensor, position: tf.Tensor) -> tf.Tensor:
    """Returns the content of a chunk, string []; empty if its position is 0."""
    length = tf.where(position > 0, graph_bytes.words(content, position, 1)[0], 0)
    return tf.strings.substr(content, position + 8, tf.maximum(length, 0))


def _inflated(text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Inflates a text; returns also whether it did: a long one could fill the memory."""

    def inflate(deflated: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_compressed(deflated, "ZLIB")

    return tf.cond(  # type: ignore[no-any-return]
        tf.strings.length(text) <= MAX_TEXT_BYTES,
        lambda: graph_bytes.attempt(inflate, text, tf.constant("")),
        lambda: (tf.constant(""), False),
    )


def _packet(body: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the XMP of a text chunk: it follows a name, a flag, a method and two empty texts."""
    name_bytes = len(_XMP_ID)
    is_xmp = tf.strings.substr(body, 0, name_bytes) == _XMP_ID
    flags = graph_bytes.numbers(body, tf.where(is_xmp, name_bytes, 0), 1)
    is_deflated = is_xmp & (flags[0] == 1)
    start = tf.where(is_deflated, name_bytes + 4, 0)
    return tf.cond(  # type: ignore[no-any-return]
        is_deflated,
        lambda: _inflated(tf.strings.substr(body, start, graph_bytes.REST)),
        lambda: (tf.where(is_xmp, body, ""), True),
    )


def _raw_exif(
    content: tf.Tensor, position: tf.Tensor, is_deflated: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the EXIF of a text chunk: hexadecimal digits after an empty line, name and length."""
    body = _body(content, position)
    start = len(_RAW_EXIF_ID)
    is_exif = tf.strings.substr(body, 0, start) == _RAW_EXIF_ID
    start = tf.where(is_exif, start + tf.cast(is_deflated, tf.int32), 0)
    text = tf.where(is_exif, tf.strings.substr(body, start, graph_bytes.REST), "")
    text, ok = tf.cond(is_deflated & is_exif, lambda: _inflated(text), lambda: (text, True))
    digits = tf.strings.reduce_join(tf.strings.split(text, "\n")[3:])
    values = tf.cast(tf.io.decode_raw(digits, tf.uint8), tf.int32)
    # "0" is 48, "A" 65, "a" 97.
    values = tf.where(values < 58, values - 48, tf.bitwise.bitwise_and(values, 31) + 9)
    pairs = tf.reshape(values[: tf.size(values) // 2 * 2], [-1, 2])
    codes = tf.clip_by_value(pairs[:, 0] * 16 + pairs[:, 1], 0, 255)
    exif = tf.strings.reduce_join(tf.gather(tf.constant(_BYTES), codes))
    has_id = tf.strings.substr(exif, 0, 6) == b"Exif\0\0"
    skipped = tf.where(has_id, 6, 0)
    return tf.strings.substr(exif, skipped, graph_bytes.REST), ok
