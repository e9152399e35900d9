"""Finds the ICC profile that a JPEG or PNG carries, in a TensorFlow graph.

Finds the profile that Pillow finds, since ingest converts by that. Files may be hostile: every
loop is bounded, every position is clipped, and the size of a decompressed profile is limited.
"""

import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# The mode that a profile must be made for; for NO_MODE, such as 16-bit grey, Pillow applies none.
NO_MODE, GREY, RGB, CMYK = range(4)

_PNG = b"\x89PNG\r\n\x1a\n"
_LABEL = b"ICC_PROFILE\x00"
_MAX_SEGMENTS = 1024
# What may follow in a JPEG; the first two are the number of bytes to advance.
_NO_MARKER, _MARKER_ALONE, _SEGMENT, _FRAME, _END = 1, 2, 3, 4, 5
_MAX_PROFILE_BYTES = 1 << 20  # of a PNG, decompressed: Pillow's own bound
# Deflate expands at most 1032-fold, so one more step yields at most 17 MB.
_INFLATE_STEP_BYTES = 1 << 14


class Found(NamedTuple):
    """An embedded profile.

    Attributes:
      profile: string []; empty if there is none, or if its parts are inconsistent.
      mode: int32 [], the mode of the pixels: one of NO_MODE, GREY, RGB, CMYK.
      certain: bool [], false if the file is so odd that another reader may find a profile.
    """

    profile: tf.Tensor
    mode: tf.Tensor
    certain: tf.Tensor


def find(encoded: tf.Tensor) -> Found:
    """Finds the embedded profile of one image.

    Source: ICC.1:2022, B.3 and B.4; PNG (W3C, third edition), 11.3.2.3; ITU-T T.81, B.1.

    Args:
      encoded: string [], the bytes of the file.
    """
    head = tf.strings.substr(encoded, 0, 8)
    is_jpeg = tf.strings.substr(head, 0, 3) == b"\xff\xd8\xff"
    cases = [(is_jpeg, lambda: _in_jpeg(encoded)), (head == _PNG, lambda: _in_png(encoded))]
    return Found(*tf.case(cases, default=_nothing))


def _nothing() -> Found:
    return Found(tf.constant(b""), tf.constant(NO_MODE), tf.constant(True))


def _slice(encoded: tf.Tensor, position: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    """Returns up to ``size`` bytes at an int64 position, fewer at the end; never raises."""
    length = tf.cast(tf.strings.length(encoded), tf.int64)
    position = tf.clip_by_value(position, 0, length)
    return tf.strings.substr(encoded, position, tf.cast(size, tf.int64))


def _bytes(encoded: tf.Tensor, position: tf.Tensor, size: int) -> tf.Tensor:
    """Returns ``size`` bytes, int64 [size]; zeros past the end."""
    raw = tf.io.decode_raw(_slice(encoded, position, size), tf.uint8, fixed_length=size)
    return tf.ensure_shape(tf.cast(raw, tf.int64), [size])


def _between(value: tf.Tensor, low: int, high: int) -> tf.Tensor:
    return (value >= low) & (value <= high)


def _in_jpeg(encoded: tf.Tensor) -> Found:
    """Walks the segments up to the frame and collects those of the profile."""
    length = tf.cast(tf.strings.length(encoded), tf.int64)

    def look(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        head = _bytes(encoded, position, 4)
        kind = tf.where(head[0] == 0xFF, tf.constant(_marker_kinds())[head[1]], _NO_MARKER)
        return kind, head

    def searching(position: tf.Tensor, kind: tf.Tensor, *_: tf.Tensor) -> tf.Tensor:
        return (kind < _FRAME) & (position + 4 <= length)

    def step(
        position: tf.Tensor, kind: tf.Tensor, head: tf.Tensor, starts: tf.Tensor, sizes: tf.Tensor
    ) -> tuple[tf.Tensor, ...]:
        size = tf.maximum(head[2] * 256 + head[3], 2)
        is_part = (head[1] == 0xE2) & (kind == _SEGMENT)
        is_part &= _slice(encoded, position + 4, 12) == _LABEL
        added = tf.cast(is_part, tf.int32)[None]
        starts = tf.concat([starts, tf.fill(added, position + 16)], 0)
        sizes = tf.concat([sizes, tf.fill(added, tf.maximum(size - 14, 2))], 0)
        position += tf.where(kind == _SEGMENT, 2 + size, tf.cast(kind, tf.int64))
        return position, *look(position), starts, sizes

    start, empty = tf.constant(2, tf.int64), tf.zeros([0], tf.int64)
    shapes = [tf.TensorShape(shape) for shape in ([], [], [4], [None], [None])]
    position, kind, _, starts, sizes = tf.while_loop(
        searching,
        step,
        [start, *look(start), empty, empty],
        shape_invariants=shapes,
        maximum_iterations=_MAX_SEGMENTS,
    )
    certain = ~searching(position, kind)
    components = _bytes(encoded, position + 9, 1)[0]
    modes = tf.constant([NO_MODE, GREY, NO_MODE, RGB, CMYK] + [NO_MODE] * 251)
    mode = tf.where(kind == _FRAME, modes[components], NO_MODE)
    profile, agree = tf.cond(
        tf.size(starts) > 0,
        lambda: _joined(encoded, starts, sizes),
        lambda: (tf.constant(b""), tf.constant(True)),
    )
    return Found(profile, mode, certain & agree)


@functools.cache
def _marker_kinds() -> np.ndarray:
    """Returns int32 [256]: what follows the bytes 0xFF and this one, as Pillow reads it."""
    kinds = np.full(256, _SEGMENT, np.int32)
    kinds[[0x00, 0xC8, *range(0xD0, 0xDA), *range(0xF0, 0xFE)]] = _MARKER_ALONE
    kinds[0xFF] = _NO_MARKER  # fill byte
    kinds[[*range(0x01, 0xC0), 0xDA]] = _END  # no markers; the scan
    frames = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # but DHT, JPG, DAC
    kinds[sorted(frames)] = _FRAME
    return kinds


def _joined(encoded: tf.Tensor, starts: tf.Tensor, sizes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Puts the parts of a profile in order.

    Args:
      encoded: string [].
      starts: int64 [N], where each part has its number, counted from 1, and the number of parts.
      sizes: int64 [N], its bytes with those two.

    Returns:
      The profile, string [], empty if the number of parts is not the one that they state; and bool
      [], whether all numbers are different.
    """
    # One by one: a copy of the file for each part would invite an attack on memory.
    numbering, parts = tf.map_fn(
        lambda part: (_bytes(encoded, part[0], 2), _slice(encoded, part[0] + 2, part[1] - 2)),
        (starts, sizes),
        fn_output_signature=(tf.TensorSpec([2], tf.int64), tf.TensorSpec([], tf.string)),
    )
    order = tf.argsort(numbering[:, 0] * 256 + numbering[:, 1], stable=True)
    number, count = tf.unstack(tf.gather(numbering, order), axis=1)
    whole = count[0] == tf.size(starts, tf.int64)
    return (
        tf.where(whole, tf.strings.reduce_join(tf.gather(parts, order)), b""),
        tf.reduce_all(number[1:] != number[:-1]) | ~whole,
    )


def _in_png(encoded: tf.Tensor) -> Found:
    """Walks the chunks up to the pixels; of several profiles the last one counts."""

    def searching(
        position: tf.Tensor, kind: tf.Tensor, size: tf.Tensor, *_: tf.Tensor
    ) -> tf.Tensor:
        ends = (kind == b"IDAT") | (kind == b"IEND") | (tf.strings.length(kind) < 4)
        return ~ends & (size < 1 << 31)

    def chunk(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        powers = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
        size = tf.reduce_sum(_bytes(encoded, position, 4) * powers)
        return _slice(encoded, position + 4, 4), size

    def step(
        position: tf.Tensor,
        kind: tf.Tensor,
        size: tf.Tensor,
        found_at: tf.Tensor,
        found_size: tf.Tensor,
    ) -> tuple[tf.Tensor, ...]:
        is_profile = kind == b"iCCP"
        found_at = tf.where(is_profile, position + 8, found_at)
        found_size = tf.where(is_profile, size, found_size)
        position += 12 + size
        return position, *chunk(position), found_at, found_size

    start, zero = tf.constant(8, tf.int64), tf.constant(0, tf.int64)
    position, kind, size, found_at, found_size = tf.while_loop(
        searching, step, [start, *chunk(start), zero, zero], maximum_iterations=_MAX_SEGMENTS
    )
    certain = ~searching(position, kind, size)
    depth, colours = tf.unstack(_bytes(encoded, tf.constant(24, tf.int64), 2))
    grey = ((colours == 0) & _between(depth, 2, 8)) | ((colours == 4) & (depth == 8))
    rgb = (colours == 2) | (colours == 3) | (colours == 6) | ((colours == 4) & (depth == 16))
    mode = tf.where(grey, GREY, tf.where(rgb, RGB, NO_MODE))
    profile, readable = tf.cond(
        found_at > 0,
        lambda: _inflated(_slice(encoded, found_at, found_size)),
        lambda: (tf.constant(b""), tf.constant(True)),
    )
    return Found(profile, mode, certain & readable)


def _inflated(chunk: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the profile in an iCCP chunk, and whether Pillow accepts the image with it.

    Longer and longer prefixes of the stream are decompressed, so that a small stream that expands
    to gigabytes is noticed within one step.
    """
    head = _bytes(chunk, tf.constant(0, tf.int64), 256)  # a name of 79 at most, 0, the method
    name_size = tf.argmax(tf.cast(head == 0, tf.int32))
    named = tf.cast(tf.strings.length(chunk), tf.int64) >= name_size + 2
    named &= (head[name_size] == 0) & (name_size < 255)
    method = head[tf.minimum(name_size + 1, 255)]
    stream = _slice(chunk, name_size + 2, 1 << 31)
    size = tf.cast(tf.strings.length(stream), tf.int64)
    usable = named & (method == 0) & (size <= _MAX_PROFILE_BYTES)

    def growing(done: tf.Tensor, profile: tf.Tensor) -> tf.Tensor:
        return usable & (done < size) & (tf.strings.length(profile) <= _MAX_PROFILE_BYTES)

    def grow(done: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        done = tf.minimum(done + _INFLATE_STEP_BYTES, size)
        return done, _decompressed(_slice(stream, tf.constant(0, tf.int64), done))

    _, profile = tf.while_loop(growing, grow, [tf.constant(0, tf.int64), tf.constant(b"")])
    usable &= tf.strings.length(profile) <= _MAX_PROFILE_BYTES
    return tf.where(usable, profile, b""), usable


def _decompressed(stream: tf.Tensor) -> tf.Tensor:
    """Decompresses a zlib stream, up to its end or where it is cut off; empty if it is damaged."""
    # As in graph_bytes.attempt: the only way to catch an error inside a graph.
    attempt = tf.data.Dataset.from_tensors(stream)
    attempt = attempt.map(lambda bytes_: tf.io.decode_compressed(bytes_, "ZLIB")).ignore_errors()
    fallback = tf.data.Dataset.from_tensors(tf.constant(b""))
    return attempt.concatenate(fallback).take(1).get_single_element()
