"""Scales of columns that draw a figure and its interval on a line."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from data import formats
from tasks.statistics import averages


class Figure(Protocol):
    """A value and its interval; each None where undefined."""

    @property
    def value(self) -> float | None: ...  # noqa: D102

    @property
    def interval(self) -> tuple[float, float] | None: ...  # noqa: D102


@dataclass(frozen=True)
class Scale:
    """The range of values of a column that draws intervals."""

    low: float
    high: float
    low_text: str
    high_text: str

    def place(self, value: float) -> str:
        """Returns a value's distance from the left, for a style."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0), 1):.1f}%"

    def style(self, value: float, interval: tuple[float, float] | None = None) -> str:
        """Returns the bounds and the value of a figure as a style."""
        low, high = interval or (value, value)
        places = zip("lvh", (low, value, high), strict=True)
        return ";".join(f"--{letter}:{self.place(one)}" for letter, one in places)


def rates(values: Iterable[float | None]) -> Scale:
    """Returns a scale from a round rate at or below the lowest one to 100%."""
    lowest = min(_known(values), default=0.0)
    low = max(0.0, min(math.floor(10 * lowest + 1e-9) / 10, 0.9))
    return Scale(low, 1.0, formats.percent(low, 0), "100%")


def of_figures(figures: Iterable[Figure]) -> Scale:
    """Returns a scale of rates that holds every interval."""
    return rates(bound for one in figures for bound in (one.value, *(one.interval or ())))


def differences(values: Iterable[float | None]) -> Scale:
    """Returns a scale that is symmetric about 0, in steps of 2 points."""
    widest = max((abs(value) for value in _known(values)), default=0.0)
    end = max(math.ceil(50 * widest - 1e-9) / 50, 0.02)
    return Scale(-end, end, formats.points(-end), formats.points(end))


def _known(values: Iterable[float | None]) -> list[float]:
    return [value for value in map(averages.known, values) if value is not None]
