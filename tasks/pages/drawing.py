"""Shapes of a chart and their layout: axes, round marks, grids.

Positions are in the SVG's own pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 360, 236
LEFT, RIGHT, TOP, BOTTOM = 44, 350, 20, 200
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Rectangle:
    """A filled rectangle; ``style`` is a class of the style sheet, ``title`` a tooltip."""

    style: str
    x: float
    y: float
    width: float
    height: float
    title: str = ""


@dataclass(frozen=True)
class Path:
    """A line through points; ``data`` is SVG's d attribute."""

    style: str
    data: str


@dataclass(frozen=True)
class Dot:
    """A point; ``style`` and ``title`` as in a rectangle."""

    style: str
    x: float
    y: float
    title: str
    radius: float = 2.5


@dataclass(frozen=True)
class Label:
    """A text; ``anchor`` is "start", "middle" or "end"."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True)
class Chart:
    """A drawing; ``description`` is its text alternative, ``legend`` is (style, name) pairs."""

    title: str
    description: str
    height: int
    legend: tuple[tuple[str, str], ...]
    rectangles: tuple[Rectangle, ...]
    paths: tuple[Path, ...]
    dots: tuple[Dot, ...]
    labels: tuple[Label, ...]
    width: int = WIDTH


@dataclass(frozen=True)
class Axis:
    """A mapping of values from ``low`` to ``high`` to pixels from ``start`` to ``end``."""

    low: float
    high: float
    start: float
    end: float

    def place(self, value: float) -> float:
        """Returns the pixel of a value."""
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Returns at most ``most`` round numbers, evenly spaced, that cover low to high."""
    if high - low < 1e-9 * max(abs(high), 1e-9):
        low, high = low - (abs(low) or 1) / 2, high + (abs(high) or 1) / 2
    scale: float = 10 ** math.floor(math.log10((high - low) / (most - 1)))
    for factor in (*_STEPS, 20, 50, 100):
        step = factor * scale
        first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
        if last - first + 1 <= most:
            break
    return [float(f"{index * step:.12g}") for index in range(first, last + 1)]


def line(values: Sequence[float | None], x_axis: Axis, y_axis: Axis) -> str:
    """Returns values at 1, 2, … as SVG's d attribute; the line breaks where one is missing."""
    parts, pen = [], "M"
    for index, value in enumerate(values, 1):
        if value is None:
            pen = "M"
        else:
            parts.append(f"{pen}{x_axis.place(index)} {y_axis.place(value)}")
            pen = "L"
    return "".join(parts)


def grid(
    marks: Sequence[float], axis: Axis, texts: Sequence[str]
) -> tuple[list[Path], list[Label]]:
    """Returns horizontal lines at the marks of a vertical axis, and the marks' texts."""
    paths = [Path("grid", f"M{LEFT} {axis.place(mark)}H{RIGHT}") for mark in marks]
    labels = [
        Label(LEFT - 6, axis.place(mark) + 4, "end", text)
        for mark, text in zip(marks, texts, strict=True)
    ]
    return paths, labels


def counted(total: int, axis: Axis, name: str) -> list[Label]:
    """Returns whole numbers under an axis that counts from 1."""
    step = max(1, *(int(mark) for mark in ticks(0, total, 7)[1:2]))
    numbers = [1, *range(step, total + 1, step)] if step > 1 else range(1, total + 1)
    return [
        *(Label(axis.place(number), BOTTOM + 16, "middle", str(number)) for number in numbers),
        Label(RIGHT, HEIGHT - 4, "end", name),
    ]
