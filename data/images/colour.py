"""Converts colour profiles and modes to grey or RGB in sRGB, as the whole pipeline assumes."""

import functools
import io

import numpy as np
from PIL import Image, ImageCms

# Profiles that change no colour by more than this many levels of 255 count as sRGB.
SAME_LEVELS = 2
_MODES = frozenset({"L", "RGB", "CMYK"})
_LATTICE = 9  # colours a channel at which a profile is compared with sRGB


_LAYERS = {"P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBX": "RGB", "LA": "L"}


def levels() -> np.ndarray:
    """Returns the grey levels at which a grey profile is compared with sRGB, uint8 [9] in 0–255."""
    return np.linspace(0, 255, _LATTICE).round().astype(np.uint8)


def lattice() -> np.ndarray:
    """Returns the colours at which a profile is compared with sRGB, uint8 [729, 3] in 0–255."""
    return np.stack(np.meshgrid(levels(), levels(), levels()), axis=-1).reshape(-1, 3)


def differs(image: Image.Image) -> bool:
    """Returns whether :func:`to_srgb` would change an image; its pixels are not looked at."""
    mode = _LAYERS.get(image.mode, image.mode)
    return mode in _MODES and _transform(image.info["icc_profile"], mode) is not None


def to_srgb(image: Image.Image) -> Image.Image | None:
    """Converts an image by its embedded profile.

    Args:
      image: with ``icc_profile`` among its info.

    Returns:
      The image in sRGB, "L" or "RGB" (with its alpha layer, if it has one); None if the profile
      is sRGB already, broken, or not made for the image's mode. Viewers ignore those too.
    """
    mode = _LAYERS.get(image.mode, image.mode)
    transform = _transform(image.info["icc_profile"], mode) if mode in _MODES else None
    if transform is None:
        return None
    alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    converted = ImageCms.applyTransform(image.convert(mode), transform)
    if converted is None:
        return None
    if mode == "L":
        converted = converted.convert("L")
    if alpha is not None:
        converted.putalpha(alpha)
    converted.info.pop("transparency", None)
    return converted


def flatten(image: Image.Image, background: str) -> Image.Image:
    """Converts a mode of 8 bits or fewer to "L" or "RGB", on the named background colour."""
    if image.mode in ("L", "RGB") and "transparency" not in image.info:
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        behind = Image.new("RGBA", layer.size, background)
        return Image.alpha_composite(behind, layer).convert("RGB")
    return image.convert("RGB")


@functools.lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the transform from a profile to sRGB; None if it is invalid or changes nothing."""
    try:
        transform = ImageCms.buildTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    if mode == "CMYK":
        return transform
    samples = levels()[None] if mode == "L" else lattice().reshape(_LATTICE**2, _LATTICE, 3)
    before = Image.fromarray(samples)
    after = ImageCms.applyTransform(before, transform)
    if after is None:
        return None
    difference = np.asarray(before.convert("RGB")).astype(int) - np.asarray(after)
    return transform if np.abs(difference).max() > SAME_LEVELS else None
