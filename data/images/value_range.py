"""Scales grey values of more than 8 bits to 0–255, by one rule for all images of a set.

An image must not be scaled by its own values: two exposures would look equally bright. So the
rule follows from the setting, the type of the values and the whole set. It applies to integers
of 16 and 32 bits and floating-point numbers; files of 8 bits or fewer are left unchanged.
Dimension letters: H, W.
"""

import functools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from data.files import read_lines

Kind = Literal["integer", "float"]
INTEGER: Kind = "integer"
FLOAT: Kind = "float"
PERCENTILES = (0.5, 99.5)
MAX_16 = 65_535
# Bins of a histogram: sign, exponent and the first 8 bits of the mantissa of a float32.
_BIN_SHIFT = 15
_BINS = 1 << (32 - _BIN_SHIFT)
_ROWS_OF_PIXELS = 1 << 22  # scaled at a time, since float64 takes eight times the memory


class Range(NamedTuple):
    """The values that become 0 and 255; values outside are clipped."""

    low: float
    high: float

    def key(self) -> str:
        """Returns the range as a unique part of a file name."""
        return f"{float(self.low)!r}-{float(self.high)!r}"

    def __str__(self) -> str:
        return f"{self.low:.10g}–{self.high:.10g}"


TYPE_16 = Range(0, MAX_16)
_UNIT = Range(0, 1)


class Values(NamedTuple):
    """The values of one image of more than 8 bits.

    Attributes:
      kind: "integer" or "float".
      smallest, largest: of its finite values; 0 if it has none.
      scaled: the range that its stored pixels were scaled from.
    """

    kind: str
    smallest: float
    largest: float
    scaled: Range


@dataclass(frozen=True)
class Scale:
    """The ranges of one data set, and whether values are counted for percentiles."""

    integers: Range = TYPE_16
    floats: Range = _UNIT
    counted: bool = False

    def of(self, kind: str) -> Range:
        """Returns the range of a kind of values."""
        return self.integers if kind == INTEGER else self.floats

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "Scale":
        """Reads the result of dataclasses.asdict, also from JSON."""
        return cls(Range(*raw["integers"]), Range(*raw["floats"]), raw["counted"])


def values_from_json(raw: list[Any]) -> Values:
    """Reads the values of an image from their JSON, which is a list.

    Raises:
      TypeError, ValueError: it is not such a list.
    """
    *head, scaled = raw
    found = read_lines.typed(Values, [*head, read_lines.typed(Range, scaled)])
    if found.kind not in (INTEGER, FLOAT) or not found.scaled.low < found.scaled.high:
        raise ValueError(f"the values {raw!r:.100}")
    return found


def kind_of(mode: str) -> Kind | None:
    """Returns the kind of the values of a Pillow mode; None for 8 bits or fewer."""
    if mode == "I" or mode.startswith("I;"):
        return INTEGER
    return FLOAT if mode == "F" else None


def extent(values: np.ndarray) -> tuple[float, float]:
    """Returns the smallest and largest finite value of [H, W]; 0 and 0 without one."""
    if values.dtype.kind == "f":
        values = values[np.isfinite(values)]
    if not values.size:
        return 0.0, 0.0
    return float(values.min()), float(values.max())


def to_levels(values: np.ndarray, scale: Range) -> np.ndarray:
    """Scales grey values: round((v − low) × 255 / (high − low)), clipped; NaN becomes 0.

    Args:
      values: [H, W], of any numeric type.
      scale: the range.

    Returns:
      uint8 [H, W] in 0–255.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return table(scale)[values]  # type: ignore[no-any-return]
    levels = np.empty(values.shape, np.uint8)
    step = max(1, _ROWS_OF_PIXELS // max(1, math.prod(values.shape[1:])))
    for start in range(0, len(values), step):
        levels[start : start + step] = _exact(values[start : start + step], scale)
    return levels


@functools.lru_cache(maxsize=16)
def table(scale: Range) -> np.ndarray:
    """Returns the level of each 16-bit value, uint8 [65536], as the served graph applies it."""
    levels = _exact(np.arange(MAX_16 + 1), scale)
    levels.setflags(write=False)
    return levels


def _exact(values: np.ndarray, scale: Range) -> np.ndarray:
    low, high = scale
    exact = np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low)
    return np.round((np.clip(exact, low, high) - low) * 255 / (high - low)).astype(np.uint8)


def histogram(values: np.ndarray) -> np.ndarray:
    """Counts finite values in bins of a relative width of 1/256; integers below 512 exactly.

    Args:
      values: [H, W], of any type of number.

    Returns:
      uint32 [2, N]: the bins that are not empty, in the order of the values, and their counts.
    """
    flat = values.ravel().astype(np.float32)
    bits = flat[np.isfinite(flat)].view(np.uint32)
    # Negative IEEE 754 numbers sort in reverse, and after the positive ones.
    ordered = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31))
    bins, counts = np.unique(ordered >> _BIN_SHIFT, return_counts=True)
    return np.stack([bins, counts]).astype(np.uint32)


def histogram_to_bytes(counted: np.ndarray) -> bytes:
    """Serialises the result of :func:`histogram`."""
    return counted.astype("<u4").tobytes()


def histogram_from_bytes(content: bytes) -> np.ndarray:
    """Parses the result of :func:`histogram_to_bytes`.

    Raises:
      ValueError: it is not a histogram.
    """
    counted = np.frombuffer(content, "<u4").reshape(2, -1)
    if counted[0].max(initial=0) >= _BINS:
        raise ValueError("no histogram")
    return counted


class Counter:
    """A sum of histograms; takes a megabyte for any number of them."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BINS, np.int64)

    def add(self, counted: np.ndarray) -> None:
        """Adds a result of :func:`histogram`."""
        bins, counts = counted
        self._counts[bins] += counts

    def percentiles(self, kind: Kind) -> Range | None:
        """Returns the 0.5th and 99.5th percentile, each within 1/256 of itself; None if empty."""
        cumulated = np.cumsum(self._counts)
        if not cumulated[-1]:
            return None
        bins = np.searchsorted(cumulated, [cumulated[-1] * q / 100 for q in PERCENTILES])
        edges = (np.stack([bins, bins + 1]).astype(np.uint64) << _BIN_SHIFT).astype(np.uint32)
        bits = np.where(edges >> 31, edges & np.uint32((1 << 31) - 1), ~edges)
        lower, upper = bits.view(np.float32).astype(np.float64)
        low, high = np.trunc((lower + upper) / 2) if kind == INTEGER else lower
        return Range(float(low), float(high))
