"""Bytes → an upright RGB or grey image on the CPU, within limits. A bad image never raises.

The result holds bytes that TensorFlow decodes to the pixels that Pillow shows upright: the
file's own bytes if they already do, else re-encoded ones. Dimension letters: H, W, C.
"""

import functools
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from data.files import hashing
from data.images import (
    colour,
    deep_grey,
    encoding_names,
    heif,
    orientation,
    png_key,
    quality,
    stored,
    value_range,
)

if TYPE_CHECKING:  # pydantic takes a decoder longer to start than NumPy and Pillow
    from data.images import decode_config

# EPS starts Ghostscript; the others run or embed foreign code paths for formats nobody trains on.
UNSAFE_FORMATS = frozenset({"EPS", "WMF", "FPX", "MIC"})
JPEG_FORMATS = frozenset({"JPEG", "MPO"})
LOSSY_FORMATS = JPEG_FORMATS | {"WEBP", "AVIF", "HEIF", "JPEG2000"}
_LOOK_SIDE_PX = 128  # the longest side is decoded to this at the least
SAMPLED_SIDE = 32
TYPE_SCALE = value_range.Scale()


class Rejection(NamedTuple):
    """The reason why an image cannot be used: a code of REASONS, and the decoder's message."""

    reason: str
    detail: str = ""


class ImageInfo(NamedTuple):
    """The properties of an image that was accepted.

    Attributes:
      format: "JPEG" or "PNG", as stored.
      height: of the upright image, in pixels.
      width: of the upright image, in pixels.
      channels: 1 for grey, 3 for RGB.
      source_format: the format of the file, as Pillow names it.
      reencoded: whether the stored bytes differ from the file's own.
      phash: the perceptual hash.
      quality: the image statistics.
      values: the values of an image of more than 8 bits; None for others.
      encoding: the name of the file's encoding, such as "4-bit palette PNG".
      refused: why the served model, given the file itself, would not see the stored pixels: a code
        of :mod:`data.images.refusals`; empty if it would.
      file_height: of the file's own image, turned upright but not reduced; 0: not known.
      file_width: the same.
      orientation: EXIF's code of how the file's image is turned to be upright, 1–8.
    """

    format: str
    height: int
    width: int
    channels: int
    source_format: str
    reencoded: bool
    phash: str
    quality: quality.Quality
    values: value_range.Values | None = None
    encoding: str = ""
    refused: str = ""
    file_height: int = 0
    file_width: int = 0
    orientation: int = 1


@dataclass(frozen=True)
class Decoded:
    """An image that was accepted.

    Attributes:
      encoded: JPEG or PNG bytes of the upright image.
      info: its properties.
      samples: uint8 [32, 32, 3], pixels on a grid, to check whether other decoders agree.
      scale: 1, 2, 4 or 8: the factor by which the samples' image was decoded smaller.
      histogram: of values of more than 8 bits, see value_range; None if none was requested.
    """

    encoded: bytes
    info: ImageInfo
    samples: np.ndarray
    scale: int
    histogram: np.ndarray | None = None


def decode(
    content: bytes,
    config: "decode_config.DecodeConfig",
    reencode: bool = False,
    scale: value_range.Scale = TYPE_SCALE,
) -> Decoded | Rejection:
    """Checks, decodes and turns one image upright.

    Args:
      content: the bytes of the file. Its format is recognised by content, never by name.
      config: the bounds, and how it is stored.
      reencode: encode it again without loss, even if its own bytes or a JPEG would do.
      scale: how values of more than 8 bits become 0–255.
    """
    if not content:
        return Rejection("empty")
    if len(content) > config.limits.max_bytes:
        return Rejection("too_many_bytes", f"{len(content)} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=formats()) as image:
            rejection = check_size(image.size, config.limits)
            if png_key.is_unclear(image, content):
                return Rejection("unsupported_encoding", "one transparent colour of 16 bits")
            return rejection or _decode(image, content, config, reencode, scale)
    except UnidentifiedImageError:
        if heif.needs_extra(content[: heif.HEADER_BYTES]):
            return Rejection("extra_not_installed", heif.EXTRA)
        return Rejection("not_an_image", f"starts with {content[:8]!r}")
    except Image.DecompressionBombError as error:
        return Rejection("too_many_pixels", str(error))
    except MemoryError as error:
        return Rejection("too_much_memory", str(error))
    # Hostile files make Pillow's plugins raise anything from struct.error to ZeroDivisionError.
    except Exception as error:
        return Rejection("damaged", f"{type(error).__name__}: {error}")


@functools.lru_cache(maxsize=4096)
def sample_positions(side: int) -> np.ndarray:
    """Returns the rows or columns, int [32], at which an image of this side is sampled."""
    return (2 * np.arange(SAMPLED_SIDE) + 1) * side // (2 * SAMPLED_SIDE)


@functools.cache
def formats() -> list[str]:
    """Returns the formats that are opened, as Pillow names them."""
    try:
        import pillow_heif

        pillow_heif.register_heif_opener()
    except ImportError:  # the extra "heif" is not installed
        pass
    Image.init()
    # Pillow tries them in this order, and most files are of these two.
    first = [name for name in ("JPEG", "PNG") if name in Image.ID]
    rest = [name for name in Image.ID if name not in UNSAFE_FORMATS and name not in first]
    return first + rest


def check_size(size: tuple[int, int], limits: "decode_config.Limits") -> Rejection | None:
    """Returns why an image of this width and height is refused; None if it is not."""
    width, height = size
    if width * height > limits.max_pixels:
        return Rejection("too_many_pixels", f"{width}×{height}")
    if min(width, height) < limits.min_side_px:
        return Rejection("too_small", f"{width}×{height}")
    if max(width, height) > limits.max_side_px:
        return Rejection("too_long", f"{width}×{height}")
    return None


def _decode(
    image: Image.Image,
    content: bytes,
    config: "decode_config.DecodeConfig",
    reencode: bool,
    scale: value_range.Scale,
) -> Decoded | Rejection:
    source_format, size = image.format or "", image.size
    is_jpeg = source_format in JPEG_FORMATS
    reduced = config.max_side_px is not None and max(size) > config.max_side_px
    has_profile = config.convert_to_srgb and "icc_profile" in image.info
    as_is = is_jpeg and image.mode in ("L", "RGB") and not (reduced or reencode)
    if as_is and orientation.read(image) == 1 and not (has_profile and colour.differs(image)):
        # The file itself is stored, so its pixels are only inspected: JPEG decodes at 1/2, 1/4
        # or 1/8 in the frequency domain, reading every byte for a fraction of the cost.
        width, height = (side * _LOOK_SIDE_PX // max(size) for side in size)
        image.draft(image.mode, (width, height))
    elif reduced:
        image.draft(None, (2 * config.max_side_px,) * 2)  # type: ignore[arg-type, operator]
    image.load()
    png_key.correct(image, content)
    turned = (code := orientation.read(image)) != 1
    source_mode = image.mode
    turned_image = ImageOps.exif_transpose(image) if turned else image
    deeper = deep_grey.read(turned_image, scale, config.background)
    upright, converted = (deeper.image, False) if deeper else _flatten(turned_image, config)
    plain = source_mode in ("L", "RGB") and "transparency" not in image.info
    same = plain and not (turned or reduced or converted or reencode)
    same = same and (is_jpeg or source_format == "PNG")
    if same:
        encoded, stored_format = content, "JPEG" if is_jpeg else "PNG"
        width, height = size
    else:
        if reduced:
            upright.thumbnail((config.max_side_px,) * 2, Image.Resampling.LANCZOS)  # type: ignore[arg-type]
        lossy = source_format in LOSSY_FORMATS and not reencode
        encoded, stored_format = stored.encode(upright, lossy)
        width, height = upright.size
    values = np.asarray(upright)
    grey, measures = quality.measured(upright, values)
    info = ImageInfo(
        format=stored_format,
        height=height,
        width=width,
        channels=len(upright.getbands()),
        source_format=source_format,
        reencoded=not same,
        phash=deeper.phash if deeper else hashing.phash(grey),
        quality=measures,
        values=deeper.values if deeper else None,
        encoding=encoding_names.name(image, content, turned, converted),
        file_height=size[0] if code >= 5 else size[1],
        file_width=size[1] if code >= 5 else size[0],
        orientation=code,
    )
    histogram = deeper.histogram if deeper else None
    return Decoded(encoded, info, _samples(values), -(-width // upright.width), histogram)


def _flatten(image: Image.Image, config: "decode_config.DecodeConfig") -> tuple[Image.Image, bool]:
    """Converts any mode to "L" or "RGB" in sRGB; returns also whether a profile changed it."""
    if config.convert_to_srgb and "icc_profile" in image.info:
        converted = colour.to_srgb(image)
        if converted is not None:
            return colour.flatten(converted, config.background), True
    return colour.flatten(image, config.background), False


def _samples(values: np.ndarray) -> np.ndarray:
    rows, columns = (sample_positions(side) for side in values.shape[:2])
    picked = values[rows[:, None], columns]
    return np.repeat(picked[..., None], 3, axis=2) if picked.ndim == 2 else picked
