"""Grey images of more than 8 bits: what is kept of one, and its picture in 0–255."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from data.files import hashing
from data.images import quality, value_range


class Deep(NamedTuple):
    """One image of more than 8 bits.

    Attributes:
      image: "L", or "RGB" where a background shows through.
      values: the extent of its values, and what was scaled to 0–255.
      phash: its perceptual hash.
      histogram: of its values, see value_range; None where none was asked for.
    """

    image: Image.Image
    values: value_range.Values
    phash: str
    histogram: np.ndarray | None


def read(image: Image.Image, scale: value_range.Scale, background: str) -> Deep | None:
    """Scales an image by the rule of its set.

    Args:
      image: upright, of any mode.
      scale: the rule.
      background: the colour's name of what is behind a value that means transparency.

    Returns:
      None for an image of 8 bits or fewer.
    """
    kind = value_range.kind_of(image.mode)
    if kind is None:
        return None
    values = np.asarray(image)
    used = scale.of(kind)
    levels = Image.fromarray(value_range.to_levels(values, used))
    clear = image.info.get("transparency")
    if isinstance(clear, int) and (mask := values == clear).any():
        levels = levels.convert("RGB")
        levels.paste(background, mask=Image.fromarray(mask))
    extent = value_range.extent(values)
    histogram = value_range.histogram(values) if scale.counted else None
    return Deep(levels, value_range.Values(kind, *extent, used), _phash(values, *extent), histogram)


def _phash(values: np.ndarray, smallest: float, largest: float) -> str:
    """The perceptual hash of the unscaled values, from their own smallest to largest.

    A hash tells structure alone, not brightness and contrast. This one is the same by every range
    of the set, so no image is grouped otherwise when new images change that.
    """
    finite = np.nan_to_num(values.astype(np.float32), nan=smallest, posinf=largest, neginf=smallest)
    small = quality.reduced(Image.fromarray(finite))
    floats = np.asarray(small, np.float64)
    low, high = floats.min(), floats.max()
    levels = (floats - low) * 255 / (high - low) if high > low else floats - low
    return hashing.phash(Image.fromarray(np.round(levels).astype(np.uint8)))
