"""Grey images of more than 8 bits: their statistics, and their pixels scaled to 0–255."""

from typing import NamedTuple

import numpy as np
from PIL import Image

from data.files import hashing
from data.images import quality, value_range


class Deep(NamedTuple):
    """One image of more than 8 bits.

    Attributes:
      image: "L", or "RGB" if a background shows through.
      values: the extent of its values, and the range that was scaled to 0–255.
      phash: its perceptual hash.
      histogram: of its values, see value_range; None if none was requested.
    """

    image: Image.Image
    values: value_range.Values
    phash: str
    histogram: np.ndarray | None


def read(image: Image.Image, scale: value_range.Scale, background: str) -> Deep | None:
    """Scales an image by the rule of its data set.

    Args:
      image: upright, of any mode.
      scale: the rule.
      background: the name of the colour behind a value that means transparency.

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
    """Returns the perceptual hash of the unscaled values, from their own smallest to largest.

    A hash describes structure, not brightness and contrast. This one is the same for every range
    of the data set, so no image changes its group when new images change the range.
    """
    finite = np.nan_to_num(values.astype(np.float32), nan=smallest, posinf=largest, neginf=smallest)
    small = quality.reduced(Image.fromarray(finite))
    floats = np.asarray(small, np.float64)
    low, high = floats.min(), floats.max()
    levels = (floats - low) * 255 / (high - low) if high > low else floats - low
    return hashing.phash(Image.fromarray(np.round(levels).astype(np.uint8)))
