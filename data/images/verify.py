"""Checks that TensorFlow decodes the bytes to store, to the pixels that Pillow shows.

Checks also that the served model sees in the file itself what training sees in these bytes.
"""

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from PIL import Image

from data.graph import decoding, graph_jpeg, graph_png
from data.images import decode, decode_config, image_reading, refusals, value_range

# Two JPEG decoders round differently, mostly where they scale up colour: by up to 2.8 on
# photographs. A file that one of them misreads is tens of levels off.
TOLERANCE_LEVELS = 4.0
_SMALL_PIXELS = 1 << 14  # several such images are decoded at a time
_PROFILES = (b"ICC_PROFILE\0", b"iCCP")
_TELLING_CHUNKS = (b"tRNS", b"eXIf", b"iTXt", b"zTXt", b"tEXt")
# Markers of a JPEG: ITU-T T.81, table B.1.
_SCAN, _APP1 = 0xDA, 0xE1
_FEW_SEGMENTS = 64
_BASELINE_TO_PROGRESSIVE = (0xC0, 0xC1, 0xC2)
_TABLES_AND_COMMENT = {0xC4, 0xDB, 0xDD, 0xFE}
_HARMLESS = _TABLES_AND_COMMENT | set(range(0xE0, 0xF0)) - {_APP1}
# Without EXIF's tag in either byte order, and without XMP's name, nothing turns an image.
_TURNING = (b"\x01\x12", b"\x12\x01", b"Orientation")


def same_pixels(image: decode.Decoded) -> bool:
    """Returns whether TensorFlow decodes an image's bytes to the same upright image.

    Height and width must be equal, and 32×32 pixels on a grid on average at most
    TOLERANCE_LEVELS of 255 apart. An image that Pillow decoded reduced is decoded reduced here too.
    """
    contents = tf.constant(image.encoded)  # passed as bytes, it would cost twice as much
    try:
        if image.info.format != "JPEG":
            # The graph costs ten times as much; for such files it does the same.
            plain = _is_plain_png(image.encoded)
            pixels = (tf.io.decode_png(contents, 3) if plain else _decode_png()(contents)).numpy()
        # Turning costs as much as decoding a small image; most have no orientation.
        elif not (is_upright_jpeg(image.encoded) or _is_shown_as_decoded(contents)):
            return False
        elif image.scale > 1:
            pixels = tf.io.decode_jpeg(contents, channels=3, ratio=image.scale).numpy()
        else:
            pixels = tf.io.decode_image(contents, channels=3, expand_animations=False).numpy()
    except tf.errors.OpError:
        return False
    return _is_alike(image, pixels)


def is_small_png(image: decode.Decoded) -> bool:
    """Returns whether an image is one for :func:`same_small_pngs`."""
    info = image.info
    small = info.height * info.width <= _SMALL_PIXELS and len(image.encoded) <= 4 * _SMALL_PIXELS
    return small and info.format == "PNG" and _is_plain_png(image.encoded)


def same_small_pngs(images: Sequence[decode.Decoded]) -> list[bool]:
    """Returns for each image what :func:`same_pixels` does, for half of the cost."""
    contents = tf.constant([image.encoded for image in images])
    try:
        sizes, samples = (found.numpy() for found in _sample_pngs()(contents))
    except tf.errors.OpError:  # one of them cannot be decoded
        return [same_pixels(image) for image in images]
    return [
        size == (image.info.height, image.info.width) and _is_close(image.samples, picked)
        for image, size, picked in zip(images, map(tuple, sizes.tolist()), samples, strict=True)
    ]


def may_be_seen_otherwise(image: decode.Decoded, config: decode_config.DecodeConfig) -> bool:
    """Returns whether :func:`refusal` must be called once :func:`same_pixels` is true.

    If the file itself is stored, the graph has decoded it already, except for its colour profile,
    which no longer matters once it is stored.
    """
    has_profile = any(name in image.encoded for name in _PROFILES)
    return image.info.reencoded or (config.convert_to_srgb and has_profile)


def refusal(
    content: bytes,
    image: decode.Decoded,
    config: decode_config.DecodeConfig,
    integers: value_range.Range,
) -> str:
    """Checks whether the served graph sees in a file what is stored for it.

    Args:
      content: the file's bytes.
      image: the image stored for it.
      config: the settings that it was decoded with.
      integers: the values of 16 bits that became 0 and 255.

    Returns:
      a code of :mod:`data.images.refusals`: the graph's own, or SEEN_OTHERWISE; empty if both agree in
      size and, as in :func:`same_pixels`, in a sample.
    """
    reading = image_reading.Reading(
        background=config.background_rgb(),
        value_range=integers,
        convert_to_srgb=config.convert_to_srgb,
    )
    pixels, reason = (value.numpy() for value in decoding.reader(reading)(tf.constant(content)))
    if reason:
        return str(reason.decode())
    picture = Image.fromarray(pixels)
    if config.max_side_px is not None:
        picture.thumbnail((config.max_side_px,) * 2, Image.Resampling.LANCZOS)
    pixels = np.asarray(picture if image.scale == 1 else picture.reduce(image.scale))
    return "" if _is_alike(image, pixels) else refusals.SEEN_OTHERWISE


def _is_alike(image: decode.Decoded, pixels: np.ndarray) -> bool:
    sides = (-(-side // image.scale) for side in (image.info.height, image.info.width))
    if pixels.shape[:2] != tuple(sides):
        return False
    rows, columns = (decode.sample_positions(side) for side in pixels.shape[:2])
    return _is_close(image.samples, pixels[rows[:, None], columns])


def _is_close(samples: np.ndarray, picked: np.ndarray) -> bool:
    """Returns whether two samples, uint8 [32, 32, 3], agree."""
    if samples.tobytes() == picked.tobytes():
        return True
    difference = samples.astype(np.int16) - picked
    return bool(np.abs(difference).mean() <= TOLERANCE_LEVELS)


def is_upright_jpeg(content: bytes) -> bool:
    """Returns whether the graph surely neither refuses a JPEG before it is decoded nor turns it.

    True of nearly all files, for a thousandth of what :func:`graph_jpeg.examine` costs; of a file
    that is unusual in any way, it is False.
    """
    position, frames = 2, 0
    for _ in range(_FEW_SEGMENTS):
        marker, code = content[position : position + 2].ljust(2, b"\0")
        length = int.from_bytes(content[position + 2 : position + 4], "big")
        if marker != 0xFF or length < 2:
            return False
        if code == _SCAN:
            return frames == 1
        segment = content[position + 4 : position + 2 + length]
        if code in _BASELINE_TO_PROGRESSIVE:
            height = int.from_bytes(segment[1:3], "big")
            width = int.from_bytes(segment[3:5], "big")
            if segment[:1] != b"\x08" or not 0 < height * width <= decode_config.MAX_PIXELS:
                return False
            frames += 1
        elif code == _APP1:
            if any(word in segment for word in _TURNING):
                return False
        elif code not in _HARMLESS:
            return False
        position += 2 + length
    return False


def _is_shown_as_decoded(contents: tf.Tensor) -> bool:
    """Returns whether the graph neither refuses a JPEG nor turns it."""
    reason, orientation = _examine()(contents)
    return not reason.numpy() and orientation.numpy() not in range(2, 9)


def _is_plain_png(content: bytes) -> bool:
    """Returns whether a PNG is 8-bit grey or RGB, without orientation or transparency."""
    is_plain = content[24:26] in (b"\x08\x00", b"\x08\x02")
    return is_plain and not any(name in content for name in _TELLING_CHUNKS)


@functools.cache
def _decode_png() -> tf.types.experimental.PolymorphicFunction:
    def decode_png(content: tf.Tensor) -> tf.Tensor:
        # By the rules for stored images: the profile was applied already, or must not be.
        pixels, reason = graph_png.decode(content, image_reading.STORED, decode_config.MAX_PIXELS)
        return pixels[: tf.where(reason == "", decode_config.MAX_PIXELS, 0)]

    return tf.function(decode_png, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


@functools.cache
def _sample_pngs() -> tf.types.experimental.PolymorphicFunction:
    """Returns a function from PNGs, string [B], to height and width int32 [B, 2] and samples."""

    def sample(content: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels = tf.io.decode_png(content, 3)
        size = tf.shape(pixels)[:2]
        # As decode.sample_positions.
        middles = 2 * tf.range(decode.SAMPLED_SIDE) + 1
        rows, columns = (middles * size[axis] // (2 * decode.SAMPLED_SIDE) for axis in (0, 1))
        return size, tf.gather(tf.gather(pixels, rows), columns, axis=1)

    def sample_each(contents: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.map_fn(  # type: ignore[no-any-return]
            sample, contents, fn_output_signature=(tf.int32, tf.uint8), parallel_iterations=8
        )

    strings = tf.TensorSpec([None], tf.string)
    return tf.function(sample_each, input_signature=[strings], autograph=False)


@functools.cache
def _examine() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(
        graph_jpeg.examine, input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )
