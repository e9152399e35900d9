"""Outlines and run lengths of objects → a mask of class numbers.

Pixels that no shape covers are background, number 0; larger shapes are drawn first, so that small ones
on them stay visible. The parts of a shape are united, as COCO's own tools do.

Dimension letters: H W mask.
"""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from data.masks import VOID

BACKGROUND = "background"
# Bounds on what a hostile file may ask for.
MOST_POINTS = 1_000_000
MOST_SHAPES = 20_000


class Shape(NamedTuple):
    """One object.

    Attributes:
      number: its class number; 255 for void.
      polygons: of each part x, y, x, y …, in pixels of the given size, or in 0–1.
      runs: run lengths down the columns, beginning with pixels outside; empty for polygons.
      run_size: height and width of the mask that the runs fill.
    """

    number: int
    polygons: tuple[tuple[float, ...], ...] = ()
    runs: tuple[int, ...] = ()
    run_size: tuple[int, int] = (0, 0)


class Shapes(NamedTuple):
    """The objects of one image.

    Attributes:
      size: height and width that polygons are in pixels of; None if they are in 0–1.
      shapes: the objects.
    """

    size: tuple[int, int] | None
    shapes: tuple[Shape, ...]

    def to_json(self) -> str:
        """Returns the shapes as JSON of one line."""
        return json.dumps(self)

    @classmethod
    def from_json(cls, text: str) -> "Shapes":
        """Reads what :meth:`to_json` wrote.

        Raises:
          TypeError, ValueError: the text is no shapes.
        """
        size, rows = json.loads(text)
        shapes = tuple(
            Shape(
                int(number),
                tuple(tuple(map(float, one)) for one in polygons),
                tuple(map(int, runs)),
                (int(run_size[0]), int(run_size[1])),
            )
            for number, polygons, runs, run_size in rows
        )
        return cls(None if size is None else (int(size[0]), int(size[1])), shapes)


def problem(found: Shapes) -> str | None:
    """Returns why shapes cannot be drawn; None if they can."""
    points = sum(len(one) for shape in found.shapes for one in shape.polygons)
    if points > MOST_POINTS or len(found.shapes) > MOST_SHAPES:
        return f"{len(found.shapes)} shapes with {points // 2} points"
    for shape in found.shapes:
        for polygon in shape.polygons:
            if len(polygon) < 6 or len(polygon) % 2:
                return f"a polygon of {len(polygon)} numbers"
            if not all(map(math.isfinite, polygon)):
                return "a polygon with a number that is not finite"
        if shape.runs:
            height, width = shape.run_size
            if min(shape.runs) < 0 or sum(shape.runs) != height * width:
                return f"run lengths that do not fill {width}×{height} pixels"
    return None


def rasterise(found: Shapes, size: tuple[int, int]) -> np.ndarray:
    """Draws shapes, uint8 [H, W]: class numbers, 0 for background, 255 for void.

    Args:
      found: shapes without a :func:`problem`.
      size: H and W.
    """
    drawn = [(shape.number, _inside(shape, found.size, size)) for shape in found.shapes]
    drawn.sort(key=lambda one: -int(one[1].sum()))
    mask = np.zeros(size, np.uint8)
    for number, inside in drawn:
        mask[inside] = number
    return mask


def _inside(shape: Shape, given: tuple[int, int] | None, size: tuple[int, int]) -> np.ndarray:
    height, width = size
    if shape.runs:
        flags = np.arange(len(shape.runs)) % 2 == 1
        flat = np.repeat(flags, shape.runs)
        inside = flat.reshape(shape.run_size[1], shape.run_size[0]).T
        return _nearest(inside, size)
    across, down = (width, height) if given is None else (width / given[1], height / given[0])
    image = Image.new("1", (width, height))
    pen = ImageDraw.Draw(image)
    for polygon in shape.polygons:
        # Pixel centres lie at half numbers.
        points = [
            (x * across - 0.5, y * down - 0.5)
            for x, y in zip(polygon[::2], polygon[1::2], strict=True)
        ]
        pen.polygon([_bounded(point, size) for point in points], fill=1)
    return np.asarray(image)


def _bounded(point: tuple[float, float], size: tuple[int, int]) -> tuple[float, float]:
    """Keeps a point near the image: Pillow cannot draw to coordinates of millions."""
    height, width = size
    return min(max(point[0], -width), 2.0 * width), min(max(point[1], -height), 2.0 * height)


def _nearest(inside: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    rows, columns = (
        (2 * np.arange(new) + 1) * old // (2 * new)
        for new, old in zip(size, inside.shape, strict=True)
    )
    return inside[rows[:, None], columns]


def coco_runs(counts: str | Sequence[int]) -> tuple[int, ...]:
    """Reads COCO's run lengths: a list, or a string of 5 bits a character.

    Source: ``rleFrString`` of cocoapi's maskApi.c: each number is in signed groups of five bits, and from
    the third on the difference from the number two before.

    Raises:
      ValueError: the string ends within a number, or has another character.
    """
    if not isinstance(counts, str):
        return tuple(int(one) for one in counts)
    found: list[int] = []
    value = shift = 0
    open_number = False
    for character in counts:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 60:
            raise ValueError(f"{character!r} in run lengths")
        value |= (bits & 0x1F) << shift
        shift += 5
        open_number = bool(bits & 0x20)
        if not open_number:
            if bits & 0x10:
                value -= 1 << shift
            if len(found) > 2:
                value += found[-2]
            found.append(value)
            value = shift = 0
    if open_number:
        raise ValueError("run lengths end within a number")
    return tuple(found)


def void_or(number: int, is_void: Any) -> int:
    """Returns a class number, or that of void."""
    return VOID if is_void else number
