"""Bytes → an upright RGB or grey image on the CPU, within limits. A bad image never raises.

What comes out holds bytes that TensorFlow decodes to the pixels Pillow shows upright: the
file's own where they already are that, re-encoded ones else. Dimension letters: H, W, C.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from pydantic import BaseModel, ConfigDict, Field

from data import hashing, quality

# EPS starts Ghostscript; the others run or embed foreign code paths for formats nobody trains on.
UNSAFE_FORMATS = frozenset({"EPS", "WMF", "FPX", "MIC"})
JPEG_FORMATS = frozenset({"JPEG", "MPO"})
LOSSY_FORMATS = JPEG_FORMATS | {"WEBP", "AVIF", "HEIF", "JPEG2000"}
JPEG_QUALITY = 95
BACKGROUND = (255, 255, 255)
THUMBNAIL_SIDE_PX = 256

REASONS = {
    "empty": "the file holds no byte",
    "too_many_bytes": "the file is larger than limits.max_bytes",
    "too_many_pixels": "width × height is more than limits.max_pixels",
    "too_small": "a side is shorter than limits.min_side_px",
    "not_an_image": "no image format that can be read was recognised in the bytes",
    "damaged": "the image is truncated or corrupt",
    "not_decodable_by_tensorflow": "Pillow reads the image but TensorFlow does not",
    "not_a_file": "a device, pipe, socket or broken link",
    "link_outside": "a link that leads out of the data folder",
    "unreadable": "the operating system refused to read the file",
}


class Limits(BaseModel):
    """What one image may cost; checked before its pixels are decoded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_bytes: int = Field(64 << 20, gt=0, description="largest file, in bytes")
    max_pixels: int = Field(100_000_000, gt=0, description="largest width × height")
    min_side_px: int = Field(2, ge=1, description="shortest side, in pixels")


@dataclass(frozen=True)
class Rejection:
    """Why an image is of no use: a code of REASONS, and what the decoder said."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Decoded:
    """An image that passed.

    Attributes:
      encoded: JPEG or PNG bytes of the upright image.
      format: "JPEG" or "PNG".
      height, width: of the upright image, in pixels.
      channels: 1 for grey, 3 for RGB.
      phash: the perceptual hash.
      quality: the measures.
    """

    encoded: bytes
    format: str
    height: int
    width: int
    channels: int
    phash: str
    quality: quality.Quality


def decode(
    content: bytes, limits: Limits, storable: Callable[[bytes, int, int], bool]
) -> Decoded | Rejection:
    """Checks, decodes and turns one image upright.

    Args:
      content: the bytes of the file. Its format is recognised by content, never by name.
      limits: what it may cost.
      storable: tells of encoded bytes, a height and a width whether the reader of the records
        decodes the ones to the others. Bytes that it refuses are encoded anew, once.
    """
    if not content:
        return Rejection("empty")
    if len(content) > limits.max_bytes:
        return Rejection("too_many_bytes", f"{len(content)} bytes")
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as image:
            rejection = _check_size(image.size, limits)
            return rejection or _decode(image, content, storable)
    except UnidentifiedImageError:
        return Rejection("not_an_image", f"starts with {content[:8]!r}")
    except Image.DecompressionBombError as error:
        return Rejection("too_many_pixels", str(error))
    # Hostile files make Pillow's plugins raise anything from struct.error to ZeroDivisionError.
    except Exception as error:
        return Rejection("damaged", f"{type(error).__name__}: {error}")


def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.ID if name not in UNSAFE_FORMATS]


def _check_size(size: tuple[int, int], limits: Limits) -> Rejection | None:
    width, height = size
    if width * height > limits.max_pixels:
        return Rejection("too_many_pixels", f"{width}×{height}")
    if min(width, height) < limits.min_side_px:
        return Rejection("too_small", f"{width}×{height}")
    return None


def _decode(
    image: Image.Image, content: bytes, storable: Callable[[bytes, int, int], bool]
) -> Decoded | Rejection:
    source_format, source_mode = image.format, image.mode
    turned = image.getexif().get(ExifTags.Base.Orientation, 1) in range(2, 9)
    image.load()
    upright = _flatten(ImageOps.exif_transpose(image))
    is_jpeg = source_format in JPEG_FORMATS
    plain = source_mode in ("L", "RGB") and "transparency" not in image.info and not turned
    size = (upright.height, upright.width)
    if plain and (is_jpeg or source_format == "PNG") and storable(content, *size):
        encoded, stored_format = content, "JPEG" if is_jpeg else "PNG"
    else:
        encoded, stored_format = _encode(upright, lossy=source_format in LOSSY_FORMATS)
        if not storable(encoded, *size):
            return Rejection("not_decodable_by_tensorflow", f"{source_format} {source_mode}")
    grey = upright.convert("L")
    grey.thumbnail((THUMBNAIL_SIDE_PX, THUMBNAIL_SIDE_PX))
    grey_values = np.asarray(grey)
    return Decoded(
        encoded=encoded,
        format=stored_format,
        height=upright.height,
        width=upright.width,
        channels=len(upright.getbands()),
        phash=hashing.phash(grey_values),
        quality=quality.measure(grey_values),
    )


def _flatten(image: Image.Image) -> Image.Image:
    """Any Pillow mode → "L" or "RGB"; transparency goes onto the background."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, np.float64)
        if values.max(initial=0) > 255:  # 16 bits a channel
            values = values / 257
        return Image.fromarray(np.clip(np.round(values), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        background = Image.new("RGBA", layer.size, (*BACKGROUND, 255))
        return Image.alpha_composite(background, layer).convert("RGB")
    return image.convert("RGB")


def _encode(image: Image.Image, lossy: bool) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    if lossy:
        image.save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        return buffer.getvalue(), "JPEG"
    image.save(buffer, "PNG")
    return buffer.getvalue(), "PNG"
