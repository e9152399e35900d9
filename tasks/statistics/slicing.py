"""The slices of the test images and their names.

Features with many values are cut into ranges. TFMA identifies a slice by a key and a value; the
key of a ranged feature contains the bounds ("image/size:128,256") and the value is the number
of the range, so that the extractor, the results and TFX's cache all have the same bounds.

Dimension letter: B batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from data.examples import feature_names

SIZE = "image/size"
BOUNDS: dict[str, tuple[float, ...]] = {
    feature_names.SIZE_BYTES: (10_000, 30_000, 100_000, 300_000, 1_000_000),
    feature_names.BRIGHTNESS: (0.2, 0.4, 0.6, 0.8),
    feature_names.CONTRAST: (0.1, 0.2, 0.3, 0.4),
    feature_names.HIGHLIGHT: (0.2, 0.4, 0.6, 0.8),
    feature_names.SHADOW: (0.2, 0.4, 0.6, 0.8),
    feature_names.SHARPNESS: (0.1, 0.3, 1.0, 3.0, 10.0),
    feature_names.SATURATION: (0.2, 0.4, 0.6, 0.8),
}
_IN_PX = (SIZE, feature_names.HEIGHT, feature_names.WIDTH)


@dataclass(frozen=True)
class Slicing:
    """A feature and, where it is cut into ranges, the bounds.

    Attributes:
      feature: its name in the record, or SIZE, the shorter side in px.
      bounds: ascending; a bound belongs to the range above it. Empty: each value is a slice.
    """

    feature: str
    bounds: tuple[float, ...] = ()

    @property
    def key(self) -> str:
        """Returns the slice key for TFMA."""
        bounds = ",".join(map(str, self.bounds))
        return f"{self.feature}:{bounds}" if bounds else self.feature

    @classmethod
    def parse(cls, key: str) -> "Slicing":
        """Reads a :attr:`key`."""
        feature, _, bounds = key.partition(":")
        numbers = bounds.split(",") if bounds else []
        return cls(feature, tuple(float(n) if "." in n else int(n) for n in numbers))

    def ranges(self, features: Mapping[str, np.ndarray]) -> np.ndarray | None:
        """Returns the number of the range that each image lies in.

        Args:
          features: name → [B, 1], of the records.

        Returns:
          int64 [B, 1], from 0; None where the records lack the feature.
        """
        names = (
            (feature_names.HEIGHT, feature_names.WIDTH) if self.feature == SIZE else (self.feature,)
        )
        columns = [column for name in names if isinstance(column := features.get(name), np.ndarray)]
        if len(columns) < len(names):
            return None
        return np.searchsorted(np.array(self.bounds), np.minimum.reduce(columns), side="right")

    def name(self, value: int | str) -> str:
        """Returns the name of a slice: the value itself, or its range with the unit."""
        if not self.bounds:
            return str(value)
        index = int(value)
        unit = " px" if self.feature in _IN_PX else ""
        unit = " bytes" if self.feature == feature_names.SIZE_BYTES else unit
        if index == 0:
            return f"under {self.bounds[0]:,}{unit}"
        if index == len(self.bounds):
            return f"{self.bounds[-1]:,}{unit} or more"
        low, high = self.bounds[index - 1], self.bounds[index]
        last = high - 1 if isinstance(high, int) else high
        return f"{low:,}–{last:,}{unit}" if last > low else f"{low:,}{unit}"


def slicings(features: Sequence[str], size_bounds_px: Sequence[int]) -> list[Slicing]:
    """Returns all slicings: by class, size, span and the configured features.

    Args:
      features: names of features, as EvaluateConfig allows them.
      size_bounds_px: bounds for sizes, heights and widths; empty: no slices by these.
    """
    sizes = tuple(size_bounds_px)
    asked = [
        Slicing(name, sizes if name in _IN_PX else BOUNDS.get(name, ()))
        for name in (SIZE, feature_names.SPAN, *features)
        if sizes or name not in _IN_PX
    ]
    return [Slicing(feature_names.CLASS_LABEL), *asked]
