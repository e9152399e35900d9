"""Checks that TensorFlow decodes the bytes to store, to the pixels that Pillow shows.

Checks also that the served model sees in the file itself what training sees in these bytes.
"""

import functools

import numpy as np
import tensorflow as tf
from PIL import Image

from data.graph import decoding, graph_jpeg, graph_png
from data.images import decode, image_reading, refusals, value_range

# Two JPEG decoders round differently, mostly where they scale up colour: by up to 2.8 on
# photographs. A file that one of them misreads is tens of levels off.
TOLERANCE_LEVELS = 4.0
_PROFILES = (b"ICC_PROFILE\0", b"iCCP")
_TELLING_CHUNKS = (b"tRNS", b"eXIf", b"iTXt", b"zTXt", b"tEXt")


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
        elif not _is_shown_as_decoded(contents):
            return False
        elif image.scale > 1:
            pixels = tf.io.decode_jpeg(contents, channels=3, ratio=image.scale).numpy()
        else:
            pixels = tf.io.decode_image(contents, channels=3, expand_animations=False).numpy()
    except tf.errors.OpError:
        return False
    return _is_alike(image, pixels)


def may_be_seen_otherwise(image: decode.Decoded, config: decode.DecodeConfig) -> bool:
    """Returns whether :func:`refusal` must be called once :func:`same_pixels` is true.

    If the file itself is stored, the graph has decoded it already, except for its colour profile,
    which no longer matters once it is stored.
    """
    has_profile = any(name in image.encoded for name in _PROFILES)
    return image.info.reencoded or (config.convert_to_srgb and has_profile)


def refusal(
    content: bytes, image: decode.Decoded, config: decode.DecodeConfig, integers: value_range.Range
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
    picked = pixels[rows[:, None], columns]
    if np.array_equal(picked, image.samples):
        return True
    difference = image.samples.astype(np.int16) - picked
    return bool(np.abs(difference).mean() <= TOLERANCE_LEVELS)


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
        pixels, reason = graph_png.decode(content, image_reading.STORED, decode.MAX_PIXELS)
        return pixels[: tf.where(reason == "", decode.MAX_PIXELS, 0)]

    return tf.function(decode_png, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


@functools.cache
def _examine() -> tf.types.experimental.PolymorphicFunction:
    return tf.function(
        graph_jpeg.examine, input_signature=[tf.TensorSpec([], tf.string)], autograph=False
    )
