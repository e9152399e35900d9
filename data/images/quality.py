"""Image statistics, computed while ingest decodes an image. Dimension letters: H, W."""

from typing import NamedTuple

import numpy as np
from PIL import Image

THUMBNAIL_SIDE_PX = 256


class Quality(NamedTuple):
    """The image statistics that the validation checks.

    Attributes:
      brightness: mean grey value, in 0–1.
      contrast: standard deviation of the grey values, in 0–0.5.
      highlight: 99th percentile of the grey values, in 0–1; low means that nothing is bright.
      shadow: 5th percentile of the grey values, in 0–1; high means that nothing is dark.
      sharpness: mean square of the Laplacian over variance of the grey values, in 0–20 or so; low
        means blurred. The quotient does not depend on contrast.
      saturation: mean of the largest less the smallest channel, in 0–1; 0 means grey.
    """

    brightness: float
    contrast: float
    highlight: float
    shadow: float
    sharpness: float
    saturation: float


def measure(grey: np.ndarray, pixels: np.ndarray) -> Quality:
    """Computes the statistics of an image.

    Source of the sharpness: Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy", ICPR 2000; here divided by the variance of the image.

    Args:
      grey: uint8 [H, W], in 0–255.
      pixels: uint8 [H, W, 3] or [H, W], the same image with its colours.
    """
    values = grey.astype(np.float32)
    mean = _mean(values)
    deviations = values - np.float32(mean)
    variance = _mean(np.square(deviations, out=deviations))
    cumulated = np.bincount(grey.ravel(), minlength=256).cumsum()
    highlight, shadow = cumulated.searchsorted((0.99 * grey.size, 0.05 * grey.size))
    return Quality(
        brightness=mean / 255,
        contrast=variance**0.5 / 255,
        highlight=float(highlight / 255),
        shadow=float(shadow / 255),
        sharpness=_sharpness(grey, variance),
        saturation=_saturation(pixels),
    )


def reduced(image: Image.Image) -> Image.Image:
    """Returns an image reduced to a longest side of at most THUMBNAIL_SIDE_PX."""
    # Averaging whole blocks costs a tenth of an exact resize.
    factor = -(-max(image.size) // THUMBNAIL_SIDE_PX)
    return image.reduce(factor) if factor > 1 else image


def measured(image: Image.Image, values: np.ndarray) -> tuple[Image.Image, Quality]:
    """Measures an image; returns also the grey, reduced one.

    Args:
      image: upright, of the mode "L" or "RGB".
      values: its pixels, uint8 [H, W] or [H, W, 3].
    """
    small = reduced(image)
    colours = values if small is image else np.asarray(small)
    if small.mode == "L":
        return small, measure(colours, colours)
    grey = small.convert("L")
    return grey, measure(np.asarray(grey), colours)


def _mean(values: np.ndarray) -> float:
    """Returns the mean of 32-bit floats as their own method does, whose checks cost more."""
    return float(np.float32(np.add.reduce(values, axis=None) / values.size))


def _saturation(pixels: np.ndarray) -> float:
    if pixels.ndim == 2:
        return 0.0
    red, green, blue = np.moveaxis(pixels, -1, 0).copy()  # operations on every third byte are slow
    largest, smallest = np.maximum(red, green), np.minimum(red, green)
    np.maximum(largest, blue, out=largest)
    largest -= np.minimum(smallest, blue, out=smallest)
    return float(np.add.reduce(largest, axis=None, dtype=np.int64) / largest.size / 255)


def _sharpness(grey: np.ndarray, variance: float) -> float:
    if min(grey.shape) < 3 or variance == 0:
        return 0.0
    values = grey.astype(np.int16)  # the Laplacian lies within ±1,020
    laplacian = values[:-2, 1:-1] + values[2:, 1:-1]
    laplacian += values[1:-1, :-2]
    laplacian += values[1:-1, 2:]
    laplacian -= values[1:-1, 1:-1] * 4
    squares = laplacian.astype(np.float32)
    return _mean(np.square(squares, out=squares)) / variance
