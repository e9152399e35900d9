"""Bytes → pixels inside a TensorFlow graph: the one implementation of decode, orient and resize.

Preprocess materialises its pixels with it, and the served model answers with it, so that a
model sees the same pixels in both. Dimension letters: B batch, H, W height and width, S side.
"""

from typing import Literal

import tensorflow as tf

from data import decode as cpu_decode
from data import image_reading, value_range

ResizeMode = Literal["stretch", "center_crop", "letterbox"]

MAX_PIXELS = cpu_decode.MAX_PIXELS
_HEADER_BYTES = 1 << 17
_MAX_SEGMENTS = 64
_MAX_IFD_ENTRIES = 256
_ORIENTATION_TAG = 0x0112


def decode(
    encoded: tf.Tensor,
    reading: image_reading.Reading = image_reading.DEFAULT,
    max_pixels: int = MAX_PIXELS,
) -> tf.Tensor:
    """Decodes one image, turns it upright and puts a transparent PNG on a background.

    Args:
      encoded: string []; JPEG, PNG, GIF (its first frame) or BMP.
      reading: the rules that ingest read the training images by.
      max_pixels: the largest height × width, checked in the header before decoding.

    Returns:
      pixels uint8 [H, W, 3] in 0–255.

    Raises:
      tf.errors.InvalidArgumentError: no image, a damaged or a too large one.
    """
    size = tf.cast(_header_size(encoded), tf.int64)
    fits = tf.debugging.Assert(
        size[0] * size[1] <= max_pixels, ["more pixels than allowed:", size], name="fits"
    )
    with tf.control_dependencies([fits]):
        encoded = tf.identity(encoded)
    pixels = tf.cond(
        tf.strings.substr(encoded, 0, 4) == b"\x89PNG",
        lambda: _decode_png(encoded, reading),
        lambda: tf.io.decode_image(encoded, channels=3, expand_animations=False),
    )
    pixels.set_shape([None, None, 3])
    return _orient(pixels, orientation(encoded))


def decode_or_invalid(
    encoded: tf.Tensor,
    reading: image_reading.Reading = image_reading.DEFAULT,
    max_pixels: int = MAX_PIXELS,
) -> tuple[tf.Tensor, tf.Tensor]:
    """:func:`decode` that never raises.

    Returns:
      pixels uint8 [H, W, 3], one black pixel where the image is bad, and valid bool [].
    """
    # A graph has no try: a data set of one element that drops errors is the one way to ask.
    attempt = tf.data.Dataset.from_tensors(encoded)
    attempt = attempt.map(lambda image: (decode(image, reading, max_pixels), True)).ignore_errors()
    fallback = tf.data.Dataset.from_tensors((tf.zeros([1, 1, 3], tf.uint8), False))
    pixels, valid = attempt.concatenate(fallback).take(1).get_single_element()
    pixels.set_shape([None, None, 3])
    return pixels, valid


def resize(pixels: tf.Tensor, size_px: int, mode: ResizeMode) -> tf.Tensor:
    """Resizes one image to a square, antialiased, so that shrinking does not alias.

    Args:
      pixels: uint8 [H, W, 3] in 0–255.
      size_px: the side S.
      mode: "stretch" ignores the aspect ratio, "center_crop" cuts the longer side,
        "letterbox" pads the shorter one with black.

    Returns:
      uint8 [S, S, 3] in 0–255.

    Raises:
      ValueError: an unknown mode.
    """
    if mode == "letterbox":
        resized = _letterbox(pixels, size_px)
    elif mode in ("stretch", "center_crop"):
        if mode == "center_crop":
            height, width = tf.shape(pixels)[0], tf.shape(pixels)[1]
            side = tf.minimum(height, width)
            top, left = (height - side) // 2, (width - side) // 2
            pixels = tf.image.crop_to_bounding_box(pixels, top, left, side, side)
        resized = tf.image.resize(pixels, [size_px, size_px], antialias=True)
    else:
        raise ValueError(f"unknown resize mode {mode!r}; known: stretch, center_crop, letterbox")
    resized = tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
    return tf.ensure_shape(resized, [size_px, size_px, 3])


def _letterbox(pixels: tf.Tensor, size_px: int) -> tf.Tensor:
    # tf.image.resize_with_pad fails where a side shrinks to less than a pixel.
    sides = tf.cast(tf.shape(pixels)[:2], tf.float32)
    scaled = tf.round(sides * (size_px / tf.reduce_max(sides)))
    height, width = tf.unstack(tf.maximum(tf.cast(scaled, tf.int32), 1))
    resized = tf.image.resize(pixels, [height, width], antialias=True)
    top, left = (size_px - height) // 2, (size_px - width) // 2
    return tf.image.pad_to_bounding_box(resized, top, left, size_px, size_px)


def batch_pixels(
    encoded: tf.Tensor,
    size_px: int,
    mode: ResizeMode,
    reading: image_reading.Reading = image_reading.DEFAULT,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Decodes and resizes a batch; a bad image spoils itself alone.

    Args:
      encoded: string [B].
      size_px: the side S.
      mode: as of :func:`resize`.
      reading: as of :func:`decode`.

    Returns:
      pixels uint8 [B, S, S, 3], black where the image is bad, and valid bool [B].
    """

    def one(image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, valid = decode_or_invalid(image, reading)
        return resize(pixels, size_px, mode), valid

    signature = (tf.TensorSpec([size_px, size_px, 3], tf.uint8), tf.TensorSpec([], tf.bool))
    return tf.map_fn(one, encoded, fn_output_signature=signature, parallel_iterations=32)  # type: ignore[no-any-return]


def orientation(encoded: tf.Tensor) -> tf.Tensor:
    """Reads the EXIF orientation of a JPEG.

    Source: CIPA DC-008 (EXIF 2.32), 4.5.4 and 4.6.4; TIFF 6.0, section 2.

    Args:
      encoded: string [].

    Returns:
      int32 [] in 1–8; 1 where there is none or it is malformed.
    """
    # Padded, so that looking a few bytes past the end of a short file finds zeros, not an error.
    head = tf.strings.join([tf.strings.substr(encoded, 0, _HEADER_BYTES), b"\0" * 32])
    content = tf.cast(tf.io.decode_raw(head, tf.uint8), tf.int32)
    is_jpeg = tf.strings.substr(head, 0, 3) == b"\xff\xd8\xff"
    return tf.cond(is_jpeg, lambda: _jpeg_orientation(head, content), lambda: tf.constant(1))


def _decode_png(encoded: tf.Tensor, reading: image_reading.Reading) -> tf.Tensor:
    """uint8 [H, W, 3]; what is transparent shows the background, as Pillow blends it."""
    # Bit depth and colour type. Colours of 16 bits are cut to their high byte, as by Pillow.
    is_deep_grey = tf.strings.substr(encoded, 24, 2) == b"\x10\x00"
    return tf.cond(  # type: ignore[no-any-return]
        is_deep_grey,
        lambda: _decode_deep_grey(encoded, reading),
        lambda: _decode_shallow_png(encoded, reading.background),
    )


def _decode_deep_grey(encoded: tf.Tensor, reading: image_reading.Reading) -> tf.Tensor:
    """uint8 [H, W, 3] of a grey PNG of 16 bits, scaled by the rule of the training images."""
    pixels = tf.io.decode_png(encoded, channels=4, dtype=tf.uint16)
    levels = tf.constant(value_range.table(reading.value_range))
    grey = tf.gather(levels, tf.cast(pixels[..., :1], tf.int32))
    behind = tf.constant(reading.background, tf.uint8)
    # A grey value may mean transparency; there is no alpha layer.
    return tf.where(pixels[..., 3:] == 0, behind, grey)  # type: ignore[no-any-return]


def _decode_shallow_png(encoded: tf.Tensor, background: image_reading.Colour) -> tf.Tensor:
    pixels = tf.io.decode_png(encoded, channels=4)
    alpha = pixels[..., 3:]

    def blended() -> tf.Tensor:
        opacity = tf.cast(alpha, tf.float32) / 255
        layer = tf.cast(pixels[..., :3], tf.float32)
        mixed = layer * opacity + tf.constant(background, tf.float32) * (1 - opacity)
        return tf.cast(tf.round(mixed), tf.uint8)

    return tf.cond(tf.reduce_all(alpha == 255), lambda: pixels[..., :3], blended)  # type: ignore[no-any-return]


def _jpeg_orientation(head: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Walks the JPEG segments to "Exif", then its first directory to the orientation's entry."""
    length = tf.size(content)

    def is_exif(position: tf.Tensor) -> tf.Tensor:
        marker = content[position + 1] == 0xE1
        return marker & (tf.strings.substr(head, position + 4, 6) == b"Exif\x00\x00")

    def searching(position: tf.Tensor) -> tf.Tensor:
        # A header reaches at least to here: marker, length, "Exif", byte order, offset, count.
        inside = position + 20 < length
        position = tf.where(inside, position, 0)
        segment = (content[position] == 0xFF) & (content[position + 1] != 0xDA)
        return inside & segment & ~is_exif(position)

    def next_segment(position: tf.Tensor) -> list[tf.Tensor]:
        return [position + 2 + tf.maximum(_integer(content, position + 2, 2, big=True), 2)]

    (position,) = tf.while_loop(
        searching, next_segment, [tf.constant(2)], maximum_iterations=_MAX_SEGMENTS
    )
    inside = position + 20 < length
    position = tf.where(inside, position, 0)
    found = inside & is_exif(position)
    return tf.cond(found, lambda: _tiff_orientation(content, position + 10), lambda: tf.constant(1))


def _tiff_orientation(content: tf.Tensor, start: tf.Tensor) -> tf.Tensor:
    length = tf.size(content)
    big = content[start] == 0x4D  # "MM": Motorola, big-endian; "II": Intel, little-endian
    offset = _integer(content, start + 4, 4, big)
    directory = start + tf.clip_by_value(offset, 0, _HEADER_BYTES)
    readable = (offset >= 8) & (directory + 2 <= length)
    directory = tf.where(readable, directory, 0)
    count = tf.minimum(_integer(content, directory, 2, big), _MAX_IFD_ENTRIES)
    # Only whole entries of 12 bytes: tag 2, type 2, count 4, value 4.
    count = tf.where(readable, tf.minimum(count, (length - directory - 2) // 12), 0)
    entries = directory + 2 + 12 * tf.range(count)
    matches = tf.boolean_mask(entries, _integer(content, entries, 2, big) == _ORIENTATION_TAG)

    def value() -> tf.Tensor:
        entry = matches[0]
        is_short = _integer(content, entry + 2, 2, big) == 3
        number = _integer(content, entry + 8, 2, big)
        return tf.where(is_short & (number >= 1) & (number <= 8), number, 1)

    return tf.cond(tf.size(matches) > 0, value, lambda: tf.constant(1))


def _integer(
    content: tf.Tensor, position: tf.Tensor, size: int, big: tf.Tensor | bool
) -> tf.Tensor:
    """An unsigned integer of ``size`` bytes at each position; 4-byte ones wrap to negative."""
    total_big = tf.zeros_like(position)
    total_little = tf.zeros_like(position)
    for index in range(size):
        byte = tf.gather(content, position + index)
        total_big = total_big * 256 + byte
        total_little += byte * (1 << (8 * index)) if index < 3 else tf.bitwise.left_shift(byte, 24)
    return tf.where(big, total_big, total_little)


def _orient(pixels: tf.Tensor, value: tf.Tensor) -> tf.Tensor:
    """Undoes an EXIF orientation: mirrors and quarter turns of uint8 [H, W, 3]."""
    transpose = tf.transpose(pixels, [1, 0, 2])
    branches = [
        lambda: pixels,
        lambda: pixels[:, ::-1],
        lambda: pixels[::-1, ::-1],
        lambda: pixels[::-1],
        lambda: transpose,
        lambda: transpose[:, ::-1],
        lambda: transpose[::-1, ::-1],
        lambda: transpose[::-1],
    ]
    upright = tf.switch_case(value - 1, branches)
    upright.set_shape([None, None, 3])
    return upright


def _header_size(encoded: tf.Tensor) -> tf.Tensor:
    """Height and width, int32 [2], as the header says them; [0, 0] for an unknown format."""
    head = tf.io.decode_raw(tf.strings.substr(encoded, 0, 32), tf.uint8)
    head = tf.pad(tf.cast(head, tf.int32), [[0, 32 - tf.size(head)]])
    magic = tf.strings.substr(encoded, 0, 2)

    def png() -> tf.Tensor:
        return _integer(head, tf.constant([20, 16]), 4, big=True)

    def gif() -> tf.Tensor:
        return _integer(head, tf.constant([8, 6]), 2, big=False)

    def bmp() -> tf.Tensor:
        return tf.abs(_integer(head, tf.constant([22, 18]), 4, big=False))

    def jpeg() -> tf.Tensor:
        return tf.io.extract_jpeg_shape(encoded)[:2]

    cases = [(magic == b"\xff\xd8", jpeg), (magic == b"\x89P", png), (magic == b"GI", gif)]
    cases.append((magic == b"BM", bmp))
    return tf.case(cases, default=lambda: tf.zeros([2], tf.int32))
