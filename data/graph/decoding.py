"""Decodes, orients and resizes images in a TensorFlow graph: the only implementation.

Preprocess materialises its pixels with it, and the served model contains it, so that a model
sees the same pixels in training and serving. Each format has its own module, ``graph_jpeg`` and
so on; images that would look different from Pillow's result are refused. Dimension letters:
B batch, H, W height and width, S side.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import tensorflow as tf

from data.graph import functions, graph_bmp, graph_bytes, graph_gif, graph_jpeg, graph_png
from data.images import decode_config, image_reading, refusals

ResizeMode = Literal["stretch", "center_crop", "letterbox"]

# Position and bytes that identify formats which the model does not accept: RIFF's WebP, TIFF,
# JPEG 2000, HEIF and AVIF, JPEG XL, Photoshop, icons, netpbm's, QOI, OpenEXR, DDS.
_OTHER_MAGICS = [
    *((8, b"WEBP"), (0, b"II*\0"), (0, b"MM\0*"), (0, b"II+\0"), (0, b"MM\0+")),
    *((4, b"jP  \r\n"), (0, b"\xff\x4f\xff\x51"), (4, b"ftyp"), (0, b"\xff\x0a")),
    *((4, b"JXL \r\n"), (0, b"8BPS"), (0, b"\0\0\1\0"), (0, b"\0\0\2\0"), (0, b"icns")),
    *((0, b"P%d\n" % kind) for kind in range(1, 8)),
    *((0, b"qoif"), (0, b"\x76\x2f\x31\x01"), (0, b"DDS ")),
]
_MAGIC_BYTES = 16
_FORMATS = [
    ((graph_jpeg.MAGIC,), graph_jpeg),
    ((graph_png.MAGIC,), graph_png),
    (graph_gif.MAGICS, graph_gif),
    ((graph_bmp.MAGIC,), graph_bmp),
]


def decode(
    encoded: tf.Tensor,
    reading: image_reading.Reading = image_reading.DEFAULT,
    max_pixels: int = decode_config.MAX_PIXELS,
) -> tf.Tensor:
    """Decodes one image, turns it upright and blends transparent parts with a background.

    Args:
      encoded: string []; JPEG, PNG, GIF (its first frame) or BMP.
      reading: the rules by which ingest read the training images.
      max_pixels: the largest height × width, checked in the header before decoding.

    Returns:
      pixels uint8 [H, W, 3] in 0–255.

    Raises:
      tf.errors.InvalidArgumentError: the image is refused, with a code of :mod:`data.images.refusals`.
    """
    pixels, reason = decode_or_refuse(encoded, reading, max_pixels)
    accepted = tf.debugging.Assert(reason == "", ["image refused:", reason], name="accepted")
    with tf.control_dependencies([accepted]):
        return tf.identity(pixels)


def decode_or_refuse(
    encoded: tf.Tensor,
    reading: image_reading.Reading = image_reading.DEFAULT,
    max_pixels: int = decode_config.MAX_PIXELS,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Does the same as :func:`decode`, but never raises.

    Returns:
      pixels uint8 [H, W, 3], one black pixel if the image is refused, and the reason, string []: a
      code of :mod:`data.images.refusals`, empty if it is accepted.
    """
    index = tf.argmax([_is_any(encoded, *magics) for magics, _ in _FORMATS] + [True])
    branches = [functools.partial(one, encoded) for one in _decoders(reading, max_pixels)]
    pixels, reason = tf.switch_case(tf.cast(index, tf.int32), branches)
    pixels.set_shape([None, None, 3])
    return pixels, reason


@functools.cache
def _decoders(reading: image_reading.Reading, max_pixels: int) -> list[Any]:
    """Returns a function of an image's bytes for each format, and one for all others.

    They are cached, since tracing takes seconds.
    """
    graph_of = functions.separate(tf.TensorSpec([], tf.string))

    def of(module: Any) -> Any:
        return graph_of(lambda encoded: module.decode(encoded, reading, max_pixels))

    others = graph_of(lambda encoded: (graph_bytes.nothing(), _why_unknown(encoded)))
    return [*(of(module) for _, module in _FORMATS), others]


def _is_any(encoded: tf.Tensor, *magics: bytes) -> tf.Tensor:
    """Returns whether a file, string [], begins with one of the given prefixes, bool []."""
    return tf.reduce_any(tf.strings.substr(encoded, 0, len(magics[0])) == tf.constant(magics))


def _why_unknown(encoded: tf.Tensor) -> tf.Tensor:
    """Returns the code, string [], for bytes that are an image of another format, or no image."""
    head = tf.strings.join([tf.strings.substr(encoded, 0, _MAGIC_BYTES), b"\0" * _MAGIC_BYTES])
    positions, magics = zip(*_OTHER_MAGICS, strict=True)
    heads = tf.fill([len(magics)], head)
    found = tf.strings.substr(heads, list(positions), [len(magic) for magic in magics])
    is_known = tf.reduce_any(found == tf.constant(magics)) & (tf.strings.length(encoded) > 0)
    return tf.where(is_known, refusals.UNSUPPORTED_FORMAT, refusals.NOT_AN_IMAGE)


def resize(pixels: tf.Tensor, size_px: int, mode: ResizeMode) -> tf.Tensor:
    """Resizes one image to a square, with antialiasing.

    Args:
      pixels: uint8 [H, W, 3] in 0–255.
      size_px: the side S.
      mode: "stretch" ignores the aspect ratio, "center_crop" cuts the longer side,
        "letterbox" pads the shorter one with black.

    Returns:
      uint8 [S, S, 3] in 0–255.

    Raises:
      ValueError: the mode is unknown.
    """
    if mode == "letterbox":
        resized = _letterbox(pixels, size_px)
    elif mode in ("stretch", "center_crop"):
        if mode == "center_crop":
            top, left, side = middle(tf.shape(pixels)[0], tf.shape(pixels)[1])
            pixels = tf.image.crop_to_bounding_box(pixels, top, left, side, side)
        resized = tf.image.resize(pixels, [size_px, size_px], antialias=True)
    else:
        raise ValueError(f"unknown resize mode {mode!r}; known: stretch, center_crop, letterbox")
    resized = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(resized, [size_px, size_px, 3])


def _letterbox(pixels: tf.Tensor, size_px: int) -> tf.Tensor:
    top, left, height, width = inside(tf.shape(pixels)[0], tf.shape(pixels)[1], size_px)
    resized = tf.image.resize(pixels, [height, width], antialias=True)
    return tf.image.pad_to_bounding_box(resized, top, left, size_px, size_px)


def middle(height: tf.Tensor, width: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns top, left and side of the largest square in the middle, of int32 [] or [B] each."""
    side = tf.minimum(height, width)
    return (height - side) // 2, (width - side) // 2, side


def inside(
    height: tf.Tensor, width: tf.Tensor, size_px: int
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns where a letterboxed image lies in its square, of int32 [] or [B] each.

    Returns:
      top, left, height and width, in pixels of the square.
    """
    # tf.image.resize_with_pad fails where a side shrinks to less than a pixel.
    sides = tf.cast(tf.stack([height, width]), tf.float32)
    scaled = tf.round(sides * (size_px / tf.reduce_max(sides, axis=0)))
    height, width = tf.unstack(tf.maximum(tf.cast(scaled, tf.int32), 1))
    return (size_px - height) // 2, (size_px - width) // 2, height, width


def square_map(sides: tf.Tensor, mode: ResizeMode, size_px: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Returns how coordinates in 0–1 of an image become such of its square: scale and offset.

    It is the map by which :func:`resize` moves the pixels, with its rounding to whole ones.

    Args:
      sides: int64 or int32 [B, 2], height and width of the image.
      mode: "stretch", "center_crop" or "letterbox".
      size_px: the side of the square.

    Returns:
      float32 [B, 4] each: square = image · scale + offset, for ymin, xmin, ymax, xmax.
    """
    heights, widths = tf.unstack(tf.cast(sides, tf.int32), axis=1)
    if mode == "stretch":
        scale = tf.ones(tf.shape(sides))
        offset = tf.zeros(tf.shape(sides))
    elif mode == "center_crop":
        top, left, side = middle(heights, widths)
        length = tf.cast(side, tf.float32)[:, None]
        scale = tf.cast(sides, tf.float32) / length
        offset = -tf.cast(tf.stack([top, left], axis=1), tf.float32) / length
    else:
        top, left, high, wide = inside(heights, widths, size_px)
        scale = tf.cast(tf.stack([high, wide], axis=1), tf.float32) / size_px
        offset = tf.cast(tf.stack([top, left], axis=1), tf.float32) / size_px
    return tf.tile(scale, [1, 2]), tf.tile(offset, [1, 2])


def batch_pixels(
    encoded: tf.Tensor,
    size_px: int,
    mode: ResizeMode,
    reading: image_reading.Reading = image_reading.DEFAULT,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes a batch; a bad image affects only itself.

    Args:
      encoded: string [B].
      size_px: the side S.
      mode: see :func:`resize`.
      reading: see :func:`decode`.

    Returns:
      pixels uint8 [B, S, S, 3], black if the image is refused, and the reason, string [B]: a code
      of :mod:`data.images.refusals`, empty if it is accepted.
    """
    pixels, reasons, _ = batch_pixels_and_sizes(encoded, size_px, mode, reading)
    return pixels, reasons


def batch_pixels_and_sizes(
    encoded: tf.Tensor,
    size_px: int,
    mode: ResizeMode,
    reading: image_reading.Reading = image_reading.DEFAULT,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Does the same as :func:`batch_pixels`; also returns H and W of the upright images, int32 [B, 2].

    They are 1 where the image is refused.
    """

    def one(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        pixels, reason = decode_or_refuse(image, reading)
        return resize(pixels, size_px, mode), reason, tf.shape(pixels)[:2]

    signature = (
        tf.TensorSpec([size_px, size_px, 3], tf.uint8),
        tf.TensorSpec([], tf.string),
        tf.TensorSpec([2], tf.int32),
    )
    return tf.map_fn(one, encoded, fn_output_signature=signature, parallel_iterations=32)  # type: ignore[no-any-return]


@functools.cache
def reader(reading: image_reading.Reading) -> tf.types.experimental.PolymorphicFunction:
    """Returns :func:`decode_or_refuse` with these rules as a graph of string [], cached.

    Tracing it takes seconds, and so does its first call.
    """
    return tf.function(
        lambda content: decode_or_refuse(content, reading),
        input_signature=[tf.TensorSpec([], tf.string)],
        autograph=False,
    )


@functools.lru_cache(maxsize=4)
def batch_reader(
    size_px: int, mode: ResizeMode, reading: image_reading.Reading = image_reading.DEFAULT
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """Returns :func:`batch_pixels` with these arguments as a graph, cached.

    Tracing it takes seconds, and so does its first call: steps of one process share both.
    """

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def read(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return batch_pixels(encoded, size_px, mode, reading)

    return read  # type: ignore[no-any-return]
