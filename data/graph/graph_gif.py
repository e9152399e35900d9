"""Decodes the first frame of a GIF inside a TensorFlow graph.

TensorFlow's decoder draws transparent pixels black, cuts off a frame that does not begin at the
corner, and reads all frames. So it gets another file: only the first frame, its palette with the
background in place of the transparent colour. Dimension letters: H, W height and width.

Source: CompuServe, GIF89a Specification, 1990.
"""

from typing import NamedTuple

import tensorflow as tf

from data.graph import graph_bytes
from data.images import image_reading, refusals

MAGICS = (b"GIF87a", b"GIF89a")
MAX_BLOCKS = 1 << 14
_SCREEN_END = 13
_EXTENSION, _CONTROL, _IMAGE, _TRAILER = 0x21, 0xF9, 0x2C, 0x3B
_PALETTE_BYTES = 768
_GREYS = bytes(value for value in range(256) for _ in range(3))


class _Frame(NamedTuple):
    """The first frame.

    Attributes:
      left, top, width, height: int32 [], in pixels, on the screen.
      palette: string [] of 768 bytes.
      transparent: int32 [], the index of the transparent colour; −1 if there is none.
      interlaced: bool [].
      data: string [], the code size and the blocks.
      ended: bool [], whether the file holds the complete frame.
    """

    left: tf.Tensor
    top: tf.Tensor
    width: tf.Tensor
    height: tf.Tensor
    palette: tf.Tensor
    transparent: tf.Tensor
    interlaced: tf.Tensor
    data: tf.Tensor
    ended: tf.Tensor


def decode(
    encoded: tf.Tensor, reading: image_reading.Reading, max_pixels: int
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes the first frame of a GIF and blends transparent parts with the background.

    Args:
      encoded: string [] that starts with one of MAGICS.
      reading: the rules by which ingest read the training images.
      max_pixels: the largest height × width.

    Returns:
      pixels uint8 [H, W, 3] of the whole screen, and the reason for a refusal, string [], empty if
      it is accepted.
    """
    encoded = graph_bytes.padded(encoded)
    content = tf.io.decode_raw(encoded, tf.uint8)
    frame = _first_frame(encoded, content)
    screen = [graph_bytes.integer(content, tf.constant(at), 2, False) for at in (6, 8)]
    width = tf.maximum(screen[0], frame.left + frame.width)
    height = tf.maximum(screen[1], frame.top + frame.height)
    reason = graph_bytes.first_reason(
        (~frame.ended | (frame.width < 1) | (frame.height < 1), refusals.DAMAGED),
        graph_bytes.too_many(height, width, max_pixels),
    )

    def first_frame(image: tf.Tensor) -> tf.Tensor:
        return tf.io.decode_gif(image)[0]

    def pixels() -> tuple[tf.Tensor, tf.Tensor]:
        palette = _palette(frame, reading.background)
        visible, reason = graph_bytes.attempt_pixels(first_frame, _alone(frame, palette))
        fills = (frame.width == width) & (frame.height == height)
        # Pillow fills a screen like this: transparent, or in the first colour.
        index = 3 * tf.maximum(frame.transparent, 0)
        fill = tf.io.decode_raw(tf.strings.substr(palette, index, 3), tf.uint8)
        shown = tf.cond(
            fills | (reason != ""),
            lambda: visible,
            lambda: _on_screen(visible, frame, height, width, fill),
        )
        return shown, reason

    return graph_bytes.unless(reason, pixels)


def _first_frame(encoded: tf.Tensor, content: tf.Tensor) -> _Frame:
    start, transparent = _find_image(content)
    # A file that is cut off after the image's beginning reads as zeros, and as not ended.
    start = tf.minimum(start, tf.size(content) - len(graph_bytes.PADDING))
    left, top, width, height = (
        graph_bytes.integer(content, start + at, 2, False) for at in (1, 3, 5, 7)
    )
    flags = tf.cast(content[start + 9], tf.int32)
    own_bytes = _table_bytes(flags)
    screen_flags = tf.cast(content[10], tf.int32)
    screen_bytes = _table_bytes(screen_flags)
    has_none = own_bytes + screen_bytes == 0
    table = tf.where(
        own_bytes > 0,
        tf.strings.substr(encoded, start + 10, own_bytes),
        tf.strings.substr(encoded, _SCREEN_END, screen_bytes),
    )
    table = tf.where(has_none, _GREYS, tf.strings.join([table, b"\0" * _PALETTE_BYTES]))
    first = tf.minimum(start + 10 + own_bytes, tf.size(content))
    end, ended = _skip_blocks(content, first + 1)
    return _Frame(
        left,
        top,
        width,
        height,
        palette=tf.strings.substr(table, 0, _PALETTE_BYTES),
        transparent=transparent,
        interlaced=tf.bitwise.bitwise_and(flags, 64) > 0,
        data=tf.strings.substr(encoded, first, end - first),
        ended=ended,
    )


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
    """Returns the length of the colour table that flags announce; 0 if there is none."""
    size = 3 * tf.bitwise.left_shift(2, tf.bitwise.bitwise_and(flags, 7))
    return tf.where(tf.bitwise.bitwise_and(flags, 128) > 0, size, 0)


def _find_image(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Finds the first image and the index of its transparent colour, or −1, both int32 [].

    Without an image, the position is that of the last byte, which is padding.
    """
    last = tf.size(content) - 1

    def at(position: tf.Tensor) -> tf.Tensor:
        return tf.cast(content[tf.minimum(position, last)], tf.int32)

    def more(position: tf.Tensor, transparent: tf.Tensor) -> tf.Tensor:
        kind = at(position)
        return (position < last) & (kind != _IMAGE) & (kind != _TRAILER)

    def step(position: tf.Tensor, transparent: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        is_extension = at(position) == _EXTENSION
        is_control = is_extension & (at(position + 1) == _CONTROL) & (at(position + 2) >= 4)
        is_control &= at(position + 3) % 2 == 1
        transparent = tf.where(is_control, at(position + 6), transparent)
        after = tf.cond(
            is_extension, lambda: _skip_blocks(content, position + 2)[0], lambda: position + 1
        )
        return after, transparent

    start = _SCREEN_END + _table_bytes(at(tf.constant(10)))
    position, transparent = tf.while_loop(
        more, step, (start, tf.constant(-1)), maximum_iterations=MAX_BLOCKS
    )
    return tf.where(at(position) == _IMAGE, position, last), transparent


def _skip_blocks(content: tf.Tensor, position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Skips blocks, each preceded by its length, up to the empty one.

    Returns:
      the position behind it, int32 [], and whether there was one, bool [].
    """
    size = tf.size(content)

    def more(position: tf.Tensor) -> tf.Tensor:
        inside = position < size
        return inside & (content[tf.where(inside, position, 0)] != 0)

    def step(position: tf.Tensor) -> list[tf.Tensor]:
        # Encoders write many blocks of the same length: all of them are skipped in one step.
        stride = tf.cast(content[position], tf.int32) + 1
        lengths = tf.cast(content[position::stride], tf.int32)
        unlike = tf.where(lengths != stride - 1)
        count = tf.cond(
            tf.size(unlike) > 0,
            lambda: tf.cast(unlike[0, 0], tf.int32),
            lambda: tf.size(lengths),
        )
        return [position + stride * count]

    (end,) = tf.while_loop(more, step, [position], maximum_iterations=MAX_BLOCKS)
    # The last byte of the padding does not count as an end.
    inside = end < size - len(graph_bytes.PADDING)
    ended = inside & (content[tf.where(inside, end, 0)] == 0)
    return tf.minimum(end + 1, size), ended


def _palette(frame: _Frame, background: image_reading.Colour) -> tf.Tensor:
    """Returns the palette, string [] of 768 bytes, with the background for transparency."""
    before = tf.maximum(frame.transparent, 0) * 3
    return tf.where(  # type: ignore[no-any-return]
        frame.transparent >= 0,
        tf.strings.join(
            [
                tf.strings.substr(frame.palette, 0, before),
                bytes(background),
                tf.strings.substr(frame.palette, before + 3, _PALETTE_BYTES),
            ]
        ),
        frame.palette,
    )


def _alone(frame: _Frame, palette: tf.Tensor) -> tf.Tensor:
    """Returns a GIF, string [], of only this frame, without transparency."""
    size = tf.strings.join([_two_bytes(frame.width), _two_bytes(frame.height)])
    flags = tf.where(frame.interlaced, b"\xc7", b"\x87")  # with a palette of 256 colours
    return tf.strings.join(
        [b"GIF89a", size, b"\0\0\0", b",\0\0\0\0", size, flags, palette, frame.data, b";"]
    )


def _two_bytes(value: tf.Tensor) -> tf.Tensor:
    table = tf.constant([bytes([byte]) for byte in range(256)])
    return tf.strings.join([tf.gather(table, value % 256), tf.gather(table, value // 256)])


def _on_screen(
    visible: tf.Tensor, frame: _Frame, height: tf.Tensor, width: tf.Tensor, fill: tf.Tensor
) -> tf.Tensor:
    """Places a frame uint8 [h, w, 3] on a screen of one colour, ``fill`` uint8 [3]."""
    below, right = height - frame.top - frame.height, width - frame.left - frame.width
    margins = [[frame.top, below], [frame.left, right], [0, 0]]
    inside = tf.pad(tf.ones_like(visible[..., :1], tf.bool), margins)
    return tf.where(inside, tf.pad(visible, margins), fill)
