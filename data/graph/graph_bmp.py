"""Decodes BMP inside a TensorFlow graph, without TensorFlow's decoder.

TensorFlow's decoder takes palette indices for grey levels and does not support 1, 4 or 16 bits.
Dimension letters: H, W height and width.

Source: Microsoft, BITMAPV5HEADER and "Bitmap storage".
"""

from typing import NamedTuple

import tensorflow as tf

from data.graph import graph_bytes
from data.images import image_reading, refusals

MAGIC = b"BM"
_WORDS = 15  # of 4 bytes: the offset of the pixels and the image's header up to its masks
_HAS_ALPHA_MASK = 56  # the size of a header with an alpha mask
_CORE = 12  # OS/2's header: shorter sizes, and palettes of 3 bytes a colour
_HEADERS = (_CORE, 40, 52, 56, 64, 108, 124)
_RAW, _BIT_FIELDS = 0, 3
_BITS = (1, 4, 8, 16, 24, 32)
_MAX_WIDTH = 1 << 25  # so that the bits of a row fit into int32


def _signed(mask: int) -> int:
    return mask - (1 << 32) if mask >= 1 << 31 else mask


# Masks of red, green, blue and alpha in 32 bits → the byte, of 4, that each refers to. Only
# those that Pillow reads; −1 is opaque.
_LAYOUTS = {
    (0x00FF0000, 0x0000FF00, 0x000000FF, 0x00000000): (2, 1, 0, -1),
    (0xFF000000, 0x00FF0000, 0x0000FF00, 0x00000000): (3, 2, 1, -1),
    (0xFF000000, 0x0000FF00, 0x000000FF, 0x00000000): (3, 1, 0, -1),
    (0xFF000000, 0x00FF0000, 0x0000FF00, 0x000000FF): (3, 2, 1, 0),
    (0x000000FF, 0x0000FF00, 0x00FF0000, 0xFF000000): (0, 1, 2, 3),
    (0x00FF0000, 0x0000FF00, 0x000000FF, 0xFF000000): (2, 1, 0, 3),
    (0xFF000000, 0x0000FF00, 0x000000FF, 0x00FF0000): (3, 1, 0, 2),
    (0, 0, 0, 0): (2, 1, 0, 3),
}
_MASKS = [[_signed(mask) for mask in masks] for masks in _LAYOUTS]
_ORDERS = list(_LAYOUTS.values())
_BITS_565 = (0xF800, 0x7E0, 0x1F)
_BITS_555 = (0x7C00, 0x3E0, 0x1F)


class _Header(NamedTuple):
    """The header of a BMP; int32 [] unless stated otherwise.

    Attributes:
      size: of the image's header, in bytes.
      width, height: in pixels; a negative height is top-down.
      bits: per pixel.
      compression: 0 for none, 3 for bit fields.
      colours: in the palette.
      offset: of the pixels.
      masks: int32 [4], of red, green, blue and alpha.
    """

    size: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    bits: tf.Tensor
    compression: tf.Tensor
    colours: tf.Tensor
    offset: tf.Tensor
    masks: tf.Tensor

    @property
    def stride(self) -> tf.Tensor:
        """Returns the bytes of a row, int32 []."""
        return (self.width * self.bits + 31) // 32 * 4

    @property
    def colour_bytes(self) -> tf.Tensor:
        """Returns the bytes of a colour in the palette, int32 []."""
        return tf.where(self.size == _CORE, 3, 4)


def decode(
    encoded: tf.Tensor, reading: image_reading.Reading, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes a BMP and blends transparent parts with the background.

    Args:
      encoded: string [] that starts with MAGIC.
      reading: the rules by which ingest read the training images.
      max_pixels: the largest height × width.

    Returns:
      pixels uint8 [H, W, 3], and the reason for a refusal, string [], empty if it is accepted:
      run-length encoding and unusual bit fields are refused.
    """
    header = _header(encoded)
    rows = tf.abs(header.height)
    pixels_end = tf.cast(header.offset, tf.int64) + tf.cast(header.stride, tf.int64) * tf.cast(
        rows, tf.int64
    )
    is_cut = pixels_end > tf.cast(tf.strings.length(encoded), tf.int64)
    reason = graph_bytes.first_reason(
        (~_is_one_of(header.size, _HEADERS), refusals.UNSUPPORTED_ENCODING),
        (~_is_readable(header), refusals.UNSUPPORTED_ENCODING),
        ((header.width < 1) | (rows < 1) | (header.offset < 0), refusals.DAMAGED),
        (header.width > _MAX_WIDTH, refusals.TOO_MANY_PIXELS),
        graph_bytes.too_many(rows, header.width, max_pixels),
        (is_cut, refusals.DAMAGED),
    )
    return graph_bytes.unless(reason, lambda: (_pixels(encoded, header, reading.background), ""))


def _header(encoded: tf.Tensor) -> _Header:
    content = graph_bytes.padded(encoded)
    # From byte 10 on: the offset of the pixels, then the header, whose first word is its size.
    words = tf.io.decode_raw(tf.strings.substr(content, 10, 4 * _WORDS), tf.int32)
    words = tf.unstack(tf.ensure_shape(words, [_WORDS]))
    offset, size = words[:2]
    is_core = size == _CORE
    low, high = (
        tf.bitwise.bitwise_and(tf.bitwise.right_shift(words[2], n), 65535) for n in (0, 16)
    )
    core_bits = tf.bitwise.right_shift(words[3], 16)
    bits = tf.where(is_core, core_bits, tf.bitwise.right_shift(words[4], 16))
    stated = tf.where(is_core, 0, words[9])
    colours = tf.where(stated == 0, tf.bitwise.left_shift(1, tf.clip_by_value(bits, 0, 8)), stated)
    colour_bytes = tf.where(is_core, 3, 4)
    # As Pillow does, which skips the palette if the offset does not include it.
    forgot = (offset == 14 + size) & (bits <= 8)
    offset += tf.where(forgot, colour_bytes * tf.clip_by_value(colours, 0, 256), 0)
    return _Header(
        size=size,
        width=tf.where(is_core, low, words[2]),
        height=tf.where(is_core, high, words[3]),
        bits=bits,
        compression=tf.where(is_core, _RAW, words[5]),
        colours=colours,
        offset=offset,
        masks=tf.stack([*words[11:14], tf.where(size >= _HAS_ALPHA_MASK, words[14], 0)]),
    )


def _is_one_of(value: tf.Tensor, known: tuple[int, ...]) -> tf.Tensor:
    return tf.reduce_any(value == tf.constant(known))


def _is_readable(header: _Header) -> tf.Tensor:
    plain = (header.compression == _RAW) & _is_one_of(header.bits, _BITS)
    colour_masks = header.masks[:3]
    known_16 = tf.reduce_all(colour_masks == _BITS_565) | tf.reduce_all(colour_masks == _BITS_555)
    known_32 = tf.reduce_any(_layout(header))
    fields = ((header.bits == 16) & known_16) | ((header.bits == 32) & known_32)
    palette = (header.bits > 8) | ((header.colours > 0) & (header.colours <= 256))
    return palette & (plain | ((header.compression == _BIT_FIELDS) & (header.size != 64) & fields))


def _layout(header: _Header) -> tf.Tensor:
    """Returns which of the known layouts the masks match, bool [8]."""
    return tf.reduce_all(header.masks == tf.constant(_MASKS), axis=1)


def _pixels(encoded: tf.Tensor, header: _Header, background: image_reading.Colour) -> tf.Tensor:
    """Returns the pixels, uint8 [H, W, 3], top to bottom."""
    height, width = tf.abs(header.height), header.width
    raw = tf.io.decode_raw(
        tf.strings.substr(encoded, header.offset, header.stride * height), tf.uint8
    )
    rows = tf.reshape(raw, [height, header.stride])
    rows = tf.cond(header.height < 0, lambda: rows, lambda: rows[::-1])
    pixels = tf.case(
        [
            (header.bits == 24, lambda: _true_colour(rows, width)),
            (header.bits == 32, lambda: _four_bytes(rows, width, header, background)),
            (header.bits == 16, lambda: _two_bytes(rows, width, header)),
        ],
        default=lambda: _indexed(encoded, rows, header),
    )
    return tf.ensure_shape(pixels, [None, None, 3])


def _true_colour(rows: tf.Tensor, width: tf.Tensor) -> tf.Tensor:
    pixels = tf.reshape(rows[:, : width * 3], [-1, width, 3])
    return pixels[..., ::-1]


def _two_bytes(rows: tf.Tensor, width: tf.Tensor, header: _Header) -> tf.Tensor:
    pairs = tf.cast(tf.reshape(rows[:, : width * 2], [-1, width, 2]), tf.int32)
    values = pairs[..., 0] + 256 * pairs[..., 1]
    is_565 = (header.compression == _BIT_FIELDS) & (header.masks[1] == _BITS_565[1])
    shifts = tf.where(is_565, [11, 5, 0], [10, 5, 0])
    largest = tf.where(is_565, [31, 63, 31], [31, 31, 31])
    levels = tf.bitwise.bitwise_and(tf.bitwise.right_shift(values[..., None], shifts), largest)
    return tf.cast(levels * 255 // largest, tf.uint8)


def _four_bytes(
    rows: tf.Tensor, width: tf.Tensor, header: _Header, background: image_reading.Colour
) -> tf.Tensor:
    pixels = tf.reshape(rows[:, : width * 4], [-1, width, 4])
    # Files without bit fields use the first layout.
    is_plain = header.compression == _RAW
    index = tf.where(is_plain, 0, tf.argmax(_layout(header), output_type=tf.int32))
    order = tf.gather(tf.constant(_ORDERS), index)
    colours = tf.gather(pixels, order[:3], axis=2)
    alpha = tf.gather(pixels, tf.maximum(order[3:], 0), axis=2)
    alpha = tf.where(order[3] >= 0, alpha, tf.constant(255, tf.uint8))
    return graph_bytes.blend(tf.concat([colours, alpha], axis=2), background)


def _indexed(encoded: tf.Tensor, rows: tf.Tensor, header: _Header) -> tf.Tensor:
    size = header.colour_bytes
    table = tf.strings.substr(encoded, 14 + header.size, size * header.colours)
    table = tf.io.decode_raw(table, tf.uint8)
    colours = tf.reshape(table, [-1, size])[:, 2::-1]
    # Entries missing from the palette are black.
    colours = tf.pad(colours, [[0, 256 - tf.shape(colours)[0]], [0, 0]])
    bits = tf.clip_by_value(header.bits, 1, 8)
    shifts = tf.cast(tf.range(8 - bits, -1, -bits), tf.uint8)
    mask = tf.cast(tf.bitwise.left_shift(1, bits) - 1, tf.uint8)
    indices = tf.bitwise.bitwise_and(tf.bitwise.right_shift(rows[..., None], shifts), mask)
    indices = tf.reshape(indices, [tf.shape(rows)[0], -1])[:, : header.width]
    return tf.gather(colours, tf.cast(indices, tf.int32))
