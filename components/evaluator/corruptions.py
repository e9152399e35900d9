"""Mild corruptions of images, as a worse camera would deliver them; all by Pillow."""

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from data.images import decode

# Larger images are reduced to this before they are corrupted, since blurring 50 megapixels takes
# seconds and the model reduces them anyway.
MAX_SIDE_PX = 1024


@dataclass(frozen=True)
class Corruption:
    """A mild image corruption.

    Attributes:
      name: the name on the report.
      apply: an upright RGB image → the corrupted one, of the same size.
      moves: whether it moves what the image shows.
    """

    name: str
    apply: Callable[[Image.Image], Image.Image]
    moves: bool = False


def _jpeg(image: Image.Image) -> Image.Image:
    """Compresses with visible blocks: quality 30; ImageNet-C's mildest is 25."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=30)
    return Image.open(buffer)


def _blur(image: Image.Image) -> Image.Image:
    """Blurs with a Gaussian of 0.5 % of the shorter side: ImageNet-C's mildest, 1 px of 224."""
    return image.filter(ImageFilter.GaussianBlur(0.005 * min(image.size)))


def _brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.3)


def _darker(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.7)


def _left(image: Image.Image) -> Image.Image:
    return _rotated(image, 10)


def _right(image: Image.Image) -> Image.Image:
    return _rotated(image, -10)


def _rotated(image: Image.Image, degrees: float) -> Image.Image:
    """Rotates anticlockwise; corners mirror the image, since black ones would be unrealistic."""
    width, height = image.size
    margin = max(image.size) // 8 + 1  # sin 10° of half a side, and some
    values = np.pad(np.asarray(image), ((margin,) * 2, (margin,) * 2, (0, 0)), "symmetric")
    turned = Image.fromarray(values).rotate(degrees, Image.Resampling.BICUBIC)
    return turned.crop((margin, margin, margin + width, margin + height))


# In the spirit of ImageNet-C, at or below its mildest level. Source: Hendrycks & Dietterich,
# "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations", 2019,
# https://arxiv.org/abs/1903.12261.
CORRUPTIONS = (
    Corruption("JPEG quality 30", _jpeg),
    Corruption("blur 0.5 %", _blur),
    Corruption("brightness +30 %", _brighter),
    Corruption("brightness −30 %", _darker),
    Corruption("rotation +10°", _left, moves=True),
    Corruption("rotation −10°", _right, moves=True),
)
# The clean image, where a clean answer can only be compared with one that came the same way.
UNCHANGED = Corruption("unchanged", lambda image: image)


def opened(encoded: bytes) -> Image.Image | None:
    """Opens an image upright, RGB, at most MAX_SIDE_PX long; None where Pillow cannot open it."""
    try:
        with Image.open(io.BytesIO(encoded), formats=decode.formats()) as image:
            image.draft(None, (MAX_SIDE_PX, MAX_SIDE_PX))
            upright = ImageOps.exif_transpose(image).convert("RGB")
            upright.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
            return upright
    # Malicious files make Pillow's plugins raise anything from struct.error to ZeroDivisionError.
    except Exception:
        return None
