"""Reads ICC profiles in a TensorFlow graph: header, tags, colorants and tone curves.

Accepts and ignores the same as LittleCMS, by which ingest converts: it reads leniently (a curve
may run past its tag, not past the file) and rejects a profile with a bad header. Files may be
hostile: nothing here loops over them, and every position is clipped.
"""

from typing import NamedTuple

import tensorflow as tf

_HEADER_BYTES = 132  # with the number of tags
_MAX_TAGS = 100
_MAX_VERSION = 5  # 5.0 is still read
_MAX_CURVE_ENTRIES = 0x7FFF
# The number of parameters of function types 0–4, and the bound below which a factor is zero.
_PARAMETERS = (1, 3, 4, 5, 7)
_ZERO = 1e-4


def signature(text: str) -> int:
    """Returns the number that encodes four characters in a profile."""
    return int.from_bytes(text.encode("ascii"), "big")


_CLASSES = ("scnr", "mntr", "prtr", "link", "abst", "spac", "nmcl", "cenc", "mid ", "mlnk", "mvis")
_KNOWN_CLASSES = (0, *(signature(name) for name in _CLASSES))
_XYZ_TYPES = (signature("XYZ "), 0x17A505B8)  # the second is used by some old writers
_CURVE_TYPES = (signature("curv"), 0x9478EE00)
_PARAMETRIC_TYPE = signature("para")


class Profile(NamedTuple):
    """A profile with its directory.

    Attributes:
      content: string [], all of its bytes.
      readable: bool [], whether header and directory are sound.
      device_class: int64 [], a signature.
      colour_space: int64 [], the signature of the device's colour space.
      connection_space: int64 [], the signature of the profile connection space.
      names: int64 [100], the signatures of tags; -1 if there is none.
      offsets: int64 [100], the positions of their data.
      sizes: int64 [100], in bytes.
    """

    content: tf.Tensor
    readable: tf.Tensor
    device_class: tf.Tensor
    colour_space: tf.Tensor
    connection_space: tf.Tensor
    names: tf.Tensor
    offsets: tf.Tensor
    sizes: tf.Tensor


def read(content: tf.Tensor) -> Profile:
    """Reads header and tag table.

    Source: ICC.1:2022, 7.2 and 7.3.

    Args:
      content: string [].
    """
    length = tf.cast(tf.strings.length(content), tf.int64)
    words = _words(content, tf.constant(0, tf.int64), _HEADER_BYTES // 4 + 3 * _MAX_TAGS)
    count = words[32]
    entries = tf.reshape(words[33:], [_MAX_TAGS, 3])
    names, offsets, sizes = tf.unstack(entries, axis=1)
    end = offsets + sizes
    used = (tf.range(_MAX_TAGS, dtype=tf.int64) < count) & (offsets > 0) & (sizes > 0)
    used &= end <= tf.minimum(words[0], length)
    alike = (names[:, None] == names) & used[:, None] & used
    duplicates = tf.reduce_sum(tf.cast(alike, tf.int32)) > tf.reduce_sum(tf.cast(used, tf.int32))
    major, minor = words[2] // (1 << 24), words[2] // (1 << 16) % 256
    readable = (
        (words[9] == signature("acsp"))
        & ((major < _MAX_VERSION) | ((major == _MAX_VERSION) & (minor == 0)))
        & _is_any(words[3], _KNOWN_CLASSES)
        & (count <= _MAX_TAGS)
        & (_HEADER_BYTES + 12 * count <= length)
        & ~duplicates
    )
    names = tf.where(used, names, -1)
    return Profile(content, readable, words[3], words[4], words[5], names, offsets, sizes)


def has(profile: Profile, *tags: str) -> tf.Tensor:
    """Returns whether a profile has any of these tags, bool []."""
    return _is_any(profile.names[:, None], [signature(tag) for tag in tags])


def colorants(profile: Profile) -> tuple[tf.Tensor, tf.Tensor]:
    """Reads the matrix from linear device RGB to the connection space.

    Source: ICC.1:2022, 9.2.46 and 10.31.

    Returns:
      float64 [3, 3], in whose columns are X, Y, Z of red, green, blue, relative to the white of
      D50; and bool [], whether all are there.
    """
    columns, found = [], []
    for tag in ("rXYZ", "gXYZ", "bXYZ"):
        offset, usable = _find(profile, signature(tag))
        words = _words(profile.content, offset, 5)
        usable &= _is_any(words[0], _XYZ_TYPES) & _holds(profile, offset + 20)
        columns.append(_fixed_point(words[2:]))
        found.append(usable)
    return tf.stack(columns, axis=1), tf.reduce_all(tf.stack(found))


def curves(profile: Profile, tags: tf.Tensor, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Evaluates tone curves.

    Source: ICC.1:2022, 10.6 and 10.18.

    Args:
      profile: the profile that has them.
      tags: int64 [C], their signatures.
      positions: float32 [P], in 0–1.

    Returns:
      float32 [C, P], linear and not clipped; and bool [], whether all are there.
    """
    specs = (tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.bool))
    values, found = tf.map_fn(
        lambda tag: _curve(profile, tag, positions), tags, fn_output_signature=specs
    )
    return values, tf.reduce_all(found)


def interpolated(table: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Interpolates linearly in a table, rounding as LittleCMS does.

    Args:
      table: int64 [N], 16 bits each.
      positions: float32 [P] in 0–1.

    Returns:
      int64 [P], 16 bits each.
    """
    where = tf.cast(tf.floor(tf.cast(positions, tf.float64) * 65535 + 0.5), tf.int64)
    last = tf.size(table, tf.int64) - 1
    scaled = where * last
    scaled += (scaled + 0x7FFF) // 0xFFFF  # from 1/65535 to 1/65536
    cell, rest = scaled // (1 << 16), scaled % (1 << 16)
    low = tf.gather(table, tf.clip_by_value(cell, 0, last))
    high = tf.gather(table, tf.clip_by_value(cell + 1, 0, last))
    return low + ((high - low) * rest + 0x8000) // (1 << 16)


def _curve(profile: Profile, tag: tf.Tensor, positions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    offset, usable = _find(profile, tag)
    words = _words(profile.content, offset, 3)
    kind, count = words[0], words[2]
    at = offset + 12
    is_function = kind == _PARAMETRIC_TYPE
    is_table = _is_any(kind, _CURVE_TYPES) & (count > 1) & (count <= _MAX_CURVE_ENTRIES)
    is_gamma = _is_any(kind, _CURVE_TYPES) & (count <= 1)
    function = count // (1 << 16)  # its type is in the upper half, the lower one is reserved

    def by_table() -> tuple[tf.Tensor, tf.Tensor]:
        words = interpolated(_halves(profile.content, at, count), positions)
        return tf.cast(tf.cast(words, tf.float64) / 65535, tf.float32), at + 2 * count

    def by_gamma() -> tuple[tf.Tensor, tf.Tensor]:
        stored = _halves(profile.content, at, 1)[0]
        gamma = tf.where(count == 1, tf.cast(stored, tf.float64) / 256, 1.0)
        parameters = tf.concat([gamma[None], tf.zeros([6], tf.float64)], 0)
        return _by_function(tf.constant(0, tf.int64), parameters, positions), at + 2 * count

    def by_function() -> tuple[tf.Tensor, tf.Tensor]:
        number = tf.gather(tf.constant(_PARAMETERS, tf.int64), tf.clip_by_value(function, 0, 4))
        parameters = _fixed_point(_words(profile.content, at, 7))
        parameters = tf.where(tf.range(7, dtype=tf.int64) < number, parameters, 0.0)
        return _by_function(function, parameters, positions), at + 4 * number

    values, end = tf.case([(is_table, by_table), (is_gamma, by_gamma)], default=by_function)
    known = is_table | is_gamma | (is_function & (function < len(_PARAMETERS)))
    return values, usable & known & _holds(profile, end)


def _find(profile: Profile, tag: tf.Tensor | int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the position of a tag's data, int64 [], and whether they are long enough to type."""
    matches = profile.names == tag
    index = tf.argmax(tf.cast(matches, tf.int32))
    offset = profile.offsets[index]
    return offset, tf.reduce_any(matches) & (profile.sizes[index] >= 8)


def _holds(profile: Profile, end: tf.Tensor) -> tf.Tensor:
    return end <= tf.cast(tf.strings.length(profile.content), tf.int64)


def _is_any(value: tf.Tensor, choices: tuple[int, ...] | list[int]) -> tf.Tensor:
    return tf.reduce_any(value == tf.constant(choices, tf.int64))


def _raw(content: tf.Tensor, position: tf.Tensor, size: tf.Tensor | int) -> tf.Tensor:
    """Returns the bytes at a position, int64 [size]; zeros past the end."""
    length = tf.cast(tf.strings.length(content), tf.int64)
    size = tf.cast(size, tf.int64)
    part = tf.strings.substr(content, tf.clip_by_value(position, 0, length), size)
    raw = tf.cast(tf.io.decode_raw(part, tf.uint8), tf.int64)
    return tf.pad(raw, [[0, size - tf.size(raw, tf.int64)]])


def _words(content: tf.Tensor, position: tf.Tensor, count: int) -> tf.Tensor:
    """Returns unsigned 32-bit numbers, int64 [count]."""
    raw = tf.reshape(_raw(content, position, 4 * count), [count, 4])
    return tf.reduce_sum(raw * tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64), axis=1)


def _halves(content: tf.Tensor, position: tf.Tensor, count: tf.Tensor | int) -> tf.Tensor:
    """Returns unsigned 16-bit numbers, int64 [count]."""
    raw = tf.reshape(_raw(content, position, 2 * count), [-1, 2])
    return raw[:, 0] * 256 + raw[:, 1]


def _fixed_point(words: tf.Tensor) -> tf.Tensor:
    """Converts s15Fixed16Number to float64."""
    signed = words - words // (1 << 31) * (1 << 32)
    return tf.cast(signed, tf.float64) / 65536


def _by_function(kind: tf.Tensor, parameters: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Evaluates a function of type 0–4 with float64 [7] parameters at float32 [P]."""
    x = tf.cast(positions, tf.float64)
    gamma, a, b, c, d, e, f = tf.unstack(parameters)
    zeros = tf.zeros_like(x)
    base = a * x + b
    power = tf.where(base > 0, tf.pow(tf.maximum(base, 0), gamma), zeros)
    flat = tf.abs(a) < _ZERO
    turn = -b / tf.where(flat, tf.ones_like(a), a)
    with_offset = tf.where(base > 0, power + c, zeros)
    by_kind = [
        tf.pow(x, gamma),
        tf.where(~flat & (x >= turn), power, zeros),
        tf.where(flat, zeros, tf.where(x >= tf.maximum(turn, 0), with_offset, zeros + c)),
        tf.where(x >= d, power, x * c),
        tf.where(x >= d, power + e, x * c + f),
    ]
    values = tf.gather(tf.stack(by_kind), tf.clip_by_value(kind, 0, 4))
    return tf.cast(values, tf.float32)
