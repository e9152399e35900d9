"""Measures of one image, taken in the decode at ingest. Dimension letters: H, W."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Quality:
    """What the validation looks at.

    Attributes:
      brightness: mean grey value, in 0–1.
      contrast: standard deviation of the grey values, in 0–0.5.
      sharpness: variance of the Laplacian of the grey values in 0–255; low means blurred.
    """

    brightness: float
    contrast: float
    sharpness: float


def measure(grey: np.ndarray) -> Quality:
    """Measures an image.

    Source of the sharpness: Pech-Pacheco et al., "Diatom autofocusing in brightfield
    microscopy", ICPR 2000.

    Args:
      grey: uint8 [H, W], in 0–255.
    """
    values = grey.astype(np.float32)
    sharpness = 0.0
    if min(grey.shape) >= 3:
        centre = values[1:-1, 1:-1]
        neighbours = values[:-2, 1:-1] + values[2:, 1:-1] + values[1:-1, :-2] + values[1:-1, 2:]
        sharpness = float((neighbours - 4 * centre).var())
    return Quality(float(values.mean() / 255), float(values.std() / 255), sharpness)
