"""Converts by embedded ICC profiles to sRGB in a TensorFlow graph, with LittleCMS's arithmetic.

Covers the profiles of cameras, phones and editors: RGB with three colorants and tone curves, and
grey with a tone curve. A profile of look-up tables, or for CMYK, is recognised but not applied.
Dimension letters: H, W height and width, N pixels.
"""

import enum
import functools
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from data.graph import functions, icc_embedded, icc_profile
from data.images import colour, image_reading, refusals

_BLOCK_PIXELS = 1 << 16
_BITS = 14  # LittleCMS computes in integers, 16384 to 1.0
_ONE = 1 << _BITS
_OVERFLOW = 2.0**31 / _ONE**2 - 0.01  # no real colour is this large
_WHITE_D50 = (0.9642, 1.0, 0.8249)
_GREY_NODES = 33  # LittleCMS tabulates grey profiles at so many levels
_CONNECTIONS = tuple(icc_profile.signature(name) for name in ("XYZ ", "Lab "))
# By the mode that icc_embedded returns.
_DEVICES = (-1, *(icc_profile.signature(name) for name in ("GRAY", "RGB ", "CMYK")))
_LINKS = tuple(icc_profile.signature(name) for name in ("link", "abst", "nmcl"))
_EPSILON = 0.002  # LittleCMS omits a shift of black that changes no more than this
_NEUTRAL = 0.001  # how far apart the channels of a neutral black may be


class Outcome(enum.IntEnum):
    """The outcome for an image's profile."""

    UNCHANGED = 0  # no profile, sRGB within colour.SAME_LEVELS, or ingest ignores it too
    CONVERTED = 1
    NOT_APPLICABLE = 2  # ingest converts by it, or may; the graph cannot


_UNCHANGED, _NOT_APPLICABLE = Outcome.UNCHANGED.value, Outcome.NOT_APPLICABLE.value


class Tables(NamedTuple):
    """A conversion: the contribution of each channel to each, and the level for each sum.

    Attributes:
      rows: int32 [3, 256, 3]: channel in, its level, channel out.
      offset: int32 [], added to each sum, of which the lower 14 bits are then dropped.
      levels: uint8 [16385], for the remaining value, clipped to that range.
    """

    rows: tf.Tensor
    offset: tf.Tensor
    levels: tf.Tensor


@functions.separate(tf.TensorSpec([None, None, 3], tf.uint8), tf.TensorSpec([], tf.string))
def to_srgb(pixels: tf.Tensor, encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Converts decoded pixels by the profile in their file, as :func:`data.images.colour.to_srgb` does.

    Perceptual intent, which for these profiles is relative colorimetric with black point
    compensation. Source: ICC.1:2022, F.2 and F.3; IEC 61966-2-1; LittleCMS 2, cmsopt.c.

    Args:
      pixels: uint8 [H, W, 3] in 0–255, before blending.
      encoded: string [], the bytes that they were decoded from.

    Returns:
      uint8 [H, W, 3] in sRGB, and an Outcome, int32 [].
    """
    tables, outcome = conversion(encoded)
    converted = tf.cond(
        outcome == Outcome.CONVERTED.value,
        lambda: convert(pixels, tables),
        lambda: tf.identity(pixels),
    )
    converted.set_shape([None, None, 3])
    return converted, outcome


@functions.separate(tf.TensorSpec([], tf.string))
def conversion(encoded: tf.Tensor) -> tuple[Tables, tf.Tensor]:
    """Returns what :func:`to_srgb` does to the pixels of a file.

    It depends on the profile and the number of channels alone.

    Args:
      encoded: string [], the bytes of the file.

    Returns:
      the tables of the conversion, zeros unless pixels are converted, and an Outcome, int32 [].
    """
    found = icc_embedded.find(encoded)
    tables, outcome = tf.cond(
        found.certain & (tf.strings.length(found.profile) > 0),
        lambda: _by_profile(found),
        lambda: (_no_tables(), tf.constant(_UNCHANGED)),
    )
    return tables, tf.where(found.certain, outcome, _NOT_APPLICABLE)


def convert(pixels: tf.Tensor, tables: Tables) -> tf.Tensor:
    """Converts uint8 [H, W, 3] in parts, since intermediate values take 40 bytes a pixel."""
    flat = tf.reshape(pixels, [-1, 3])
    count = tf.shape(flat)[0]
    blocks = (count + _BLOCK_PIXELS - 1) // _BLOCK_PIXELS
    size = (count + blocks - 1) // blocks
    flat = tf.pad(flat, [[0, blocks * size - count], [0, 0]])
    converted = tf.map_fn(
        lambda block: _looked_up(block, tables),
        tf.reshape(flat, [blocks, size, 3]),
        parallel_iterations=4,
    )
    return tf.reshape(tf.reshape(converted, [-1, 3])[:count], tf.shape(pixels))


def by_rule(
    pixels: tf.Tensor, encoded: tf.Tensor, reading: image_reading.Reading, reason: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Applies :func:`to_srgb` if the rules of a data set require it.

    Args:
      pixels: see to_srgb.
      encoded: see to_srgb.
      reading: the rules.
      reason: string [], an earlier reason for a refusal; empty if there is none.

    Returns:
      uint8 [H, W, 3], and the reason for a refusal, string [].
    """
    if not reading.convert_to_srgb:
        return pixels, reason
    pixels, outcome = to_srgb(pixels, encoded)
    is_refused = (reason == "") & (outcome == _NOT_APPLICABLE)
    return pixels, tf.where(is_refused, refusals.COLOUR_PROFILE, reason)


def _by_profile(found: icc_embedded.Found) -> tuple[Tables, tf.Tensor]:
    profile = icc_profile.read(found.profile)
    usable = profile.readable & (
        profile.colour_space == tf.constant(_DEVICES, tf.int64)[found.mode]
    )
    usable &= tf.reduce_any(profile.connection_space == tf.constant(_CONNECTIONS, tf.int64))
    by_tables = icc_profile.has(profile, "A2B0", "D2B0")
    # A device link has no other transform that could be applied; nor has CMYK.
    plain = tf.reduce_all(profile.device_class != tf.constant(_LINKS, tf.int64))
    plain &= found.mode != icc_embedded.CMYK
    return tf.case(  # type: ignore[no-any-return]
        [
            (usable & by_tables, lambda: (_no_tables(), tf.constant(_NOT_APPLICABLE))),
            (usable & plain, lambda: _by_curves(profile, found.mode == icc_embedded.GREY)),
        ],
        default=lambda: (_no_tables(), tf.constant(_UNCHANGED)),
    )


def _no_tables() -> Tables:
    rows, levels = tf.zeros([3, 256, 3], tf.int32), tf.zeros([_ONE + 1], tf.uint8)
    return Tables(rows, tf.constant(0), levels)


def _by_curves(profile: icc_profile.Profile, is_grey: tf.Tensor) -> tuple[Tables, tf.Tensor]:
    """Returns tables, and whether they change a sample colour by more than colour.SAME_LEVELS."""
    tags, positions = tf.cond(
        is_grey,
        lambda: (_signatures("kTRC"), tf.constant(_grey_nodes() / 65535, tf.float32)),
        lambda: (
            _signatures("rTRC", "gTRC", "bTRC"),
            tf.constant(np.arange(256) / 255, tf.float32),
        ),
    )
    curves, complete = icc_profile.curves(profile, tags, positions)
    curves = tf.cast(curves, tf.float64)
    colorants, all_there = icc_profile.colorants(profile)
    tables, applicable = tf.cond(
        is_grey,
        lambda: (_grey_tables(curves[0], profile.connection_space), tf.constant(True)),
        lambda: _rgb_tables(curves, colorants),
    )
    complete &= all_there | is_grey
    samples = tf.constant(colour.lattice())
    change = tf.cast(_looked_up(samples, tables), tf.int32) - tf.cast(samples, tf.int32)
    different = tf.reduce_max(tf.abs(change)) > colour.SAME_LEVELS
    applied = complete & applicable & different
    refused = tf.where(complete & ~applicable, _NOT_APPLICABLE, _UNCHANGED)
    return tables, tf.where(applied, Outcome.CONVERTED.value, refused)


def _signatures(*tags: str) -> tf.Tensor:
    return tf.constant([icc_profile.signature(tag) for tag in tags], tf.int64)


def _looked_up(block: tf.Tensor, tables: Tables) -> tf.Tensor:
    """Converts pixels by the tables: uint8 [N, 3] → uint8 [N, 3]."""
    block = tf.cast(block, tf.int32)
    sums = sum(tf.gather(tables.rows[index], block[:, index]) for index in range(3))
    sums = tf.bitwise.right_shift(sums + tables.offset, _BITS)
    return tf.gather(tables.levels, tf.clip_by_value(sums, 0, _ONE))


def _rgb_tables(curves: tf.Tensor, colorants: tf.Tensor) -> tuple[Tables, tf.Tensor]:
    """Builds tables in LittleCMS's integers from tone curves and colorants, float64.

    Also returns whether these integers can represent the conversion, bool [].
    """
    matrix = tf.linalg.matmul(tf.constant(_connection_to_linear()), colorants)
    black = tf.linalg.matvec(matrix, curves[:, 0])
    scale, shift = _black_point(tf.reduce_sum(colorants[1] * curves[:, 0]))
    matrix *= scale
    largest = tf.linalg.matvec(tf.abs(matrix), tf.reduce_max(tf.abs(curves), axis=1))
    applicable = tf.reduce_max(largest) + tf.abs(shift) < _OVERFLOW
    # Versions of LittleCMS differ for a black that is both lifted and coloured.
    applicable &= tf.reduce_max(black) - tf.reduce_min(black) < _NEUTRAL
    matrix = tf.floor(matrix * _ONE + 0.5)
    rows = tf.floor(curves * _ONE + 0.5)[:, :, None] * tf.transpose(matrix)[:, None, :]
    rows = tf.cast(tf.where(applicable, rows, 0.0), tf.int32)
    offset = tf.cast(tf.floor(tf.where(applicable, shift, 0.0) * _ONE**2 + 0.5), tf.int32)
    levels = tf.constant(_linear_to_levels())
    return Tables(rows, offset + _ONE // 2, levels), applicable


def _grey_tables(curve: tf.Tensor, connection_space: tf.Tensor) -> Tables:
    """Returns tables for a grey curve float64 [33] to luminance or lightness, as LittleCMS does."""
    is_lightness = connection_space == icc_profile.signature("Lab ")
    luminance = tf.where(is_lightness, _luminance(100 * curve), curve)
    scale, shift = _black_point(luminance[0])
    linear = tf.clip_by_value(luminance * scale + shift, 0, 1)
    words = tf.cast(tf.floor(65535 * _encoded(linear) + 0.5), tf.int64)
    # White stays white, as by cmsopt.c's FixWhiteMisalignment.
    words = tf.concat([words[:-1], tf.constant([65535], tf.int64)], 0)
    words = icc_profile.interpolated(words, tf.constant(np.arange(256) / 255, tf.float32))
    table = tf.cast((words * 65281 + (1 << 23)) // (1 << 24), tf.int32)
    rows = table[None, :, None] * tf.eye(3, dtype=tf.int32)[:, None, :] * _ONE
    levels = tf.constant(np.minimum(np.arange(_ONE + 1), 255).astype(np.uint8))
    return Tables(rows, tf.constant(0), levels)


def _black_point(darkest: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns the factor and summand, float64 [], that compensate for the luminance of black.

    They apply to linear sRGB, where D50 is (1, 1, 1). Source: ISO 18619:2015, and LittleCMS,
    which assumes that black is neutral and at most L* 50, and 0 if it is lighter than L* 95.
    """
    limit, negative = (((lightness + 16) / 116) ** 3 for lightness in (50, 95))
    black = tf.where(darkest > negative, tf.zeros_like(darkest), darkest)
    black = tf.clip_by_value(black, 0, limit)
    scale, shift = 1 / (1 - black), -black / (1 - black)
    change = 3 * (scale - 1) - shift * sum(_WHITE_D50) / (1 + 32767 / 32768)
    return tf.where(change >= _EPSILON, scale, 1.0), tf.where(change >= _EPSILON, shift, 0.0)


def _luminance(lightness: tf.Tensor) -> tf.Tensor:
    """Converts CIE L* in 0–100 to Y in 0–1. Source: CIE 015, 8.2.1."""
    root = (lightness + 16) / 116
    return tf.where(root > 24 / 116, root**3, (108 / 841) * (root - 16 / 116))


def _encoded(linear: tf.Tensor) -> tf.Tensor:
    """Converts linear values to sRGB, both float64 in 0–1. Source: IEC 61966-2-1, 5.2."""
    return tf.where(
        linear < 0.04045 / 12.92, linear * 12.92, 1.055 * tf.pow(linear, 1 / 2.4) - 0.055
    )


def _grey_nodes() -> np.ndarray:
    """Returns the nodes of a grey curve, float64 [33], rounded to 16 bits."""
    return np.floor(np.arange(_GREY_NODES) * 65535 / (_GREY_NODES - 1) + 0.5)


@functools.cache
def _linear_to_levels() -> np.ndarray:
    """Returns uint8 [16385]: the sRGB levels of linear values in 0–16384."""
    linear = (np.arange(_ONE + 1) / _ONE).astype(np.float32).astype(np.float64)
    encoded = np.where(
        linear < 0.04045 / 12.92, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055
    ).astype(np.float32)
    words = np.floor(np.clip(encoded, 0, 1) * np.float64(65535) + 0.5).astype(np.int64)
    return ((words * 65281 + (1 << 23)) >> 24).astype(np.uint8)


@functools.cache
def _connection_to_linear() -> np.ndarray:
    """Returns the matrix from XYZ relative to D50 to linear sRGB, float64 [3, 3].

    Source: IEC 61966-2-1, 4.1; adapted from D65 by the Bradford transform, ICC.1:2022, annex E.
    """
    xy = np.array([[0.64, 0.33], [0.30, 0.60], [0.15, 0.06]])
    primaries = np.stack([xy[:, 0] / xy[:, 1], np.ones(3), (1 - xy.sum(1)) / xy[:, 1]])
    white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
    linear_to_xyz = primaries * np.linalg.solve(primaries, white)
    cones = np.array(
        [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]]
    )
    gains = (cones @ np.array(_WHITE_D50)) / (cones @ white)
    adapted = np.linalg.solve(cones, gains[:, None] * cones) @ linear_to_xyz
    return np.asarray(np.linalg.inv(adapted))
