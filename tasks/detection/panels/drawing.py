"""Shapes of boxes over a picture, curves of precision and recall, and where boxes lie.

Dimension letters: G objects, D detections.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from PIL import Image

from data import formats, pages
from data.graph import decoding
from data.graph.decoding import ResizeMode
from tasks.boxes import average_precision, matching, rows
from tasks.boxes.errors import Kind
from tasks.detection.answers import Predictions
from tasks.detection.panels import chosen
from tasks.pages import drawing

# Of the shapes: those of the truth, of right answers, and of wrong ones.
TRUE, MISSED, RIGHT, WRONG = "#1f77b4", "#ff7f0e", "#2ca02c", "#d62728"
GRID = 32
_PICTURE_PX = 256
Place = tuple[tuple[float, float], tuple[float, float]]
_POINTS = 200


@dataclass(frozen=True)
class Box:
    """A rectangle over a picture.

    Attributes:
      corner: x and y of its upper left corner, in hundredths of the picture.
      sides: its width and height.
      colour: of its line.
      dashed: whether the line is.
      text: shown when it is pointed at.
    """

    corner: tuple[float, float]
    sides: tuple[float, float]
    colour: str
    dashed: bool
    text: str


@dataclass(frozen=True)
class Resized:
    """How the pictures were made of the images: to a square of a side in pixels."""

    mode: ResizeMode
    size_px: int


def boxes(found: Predictions, row: chosen.Row, resized: Resized) -> list[Box]:
    """Returns the objects and the shown detections of an image, as the picture is resized."""
    size = found.sizes[row.place]
    objects, shown = found.objects[row.place], rows.shown(found.detections[row.place])
    made = []
    for place, one, kind in zip(_square(objects, size, resized), objects, row.objects, strict=True):
        colour = MISSED if kind is Kind.MISSED else TRUE
        text = f"true: {found.labels[int(one[4])]}, {kind.value}"
        made.append(Box(*place, colour, True, text))
    for place, one, kind in zip(_square(shown, size, resized), shown, row.kinds, strict=True):
        colour = RIGHT if kind in (Kind.RIGHT, Kind.IGNORED) else WRONG
        text = f"{found.labels[int(one[5])]} {one[4]:.2f}, {kind.value.replace('_', ' ')}"
        made.append(Box(*place, colour, False, text))
    return made


def _square(given: np.ndarray, size: np.ndarray, resized: Resized) -> list[Place]:
    """Returns corners and sides in hundredths of the square picture."""
    scale, offset = decoding.square_map(tf.constant(size[None]), resized.mode, resized.size_px)
    whole = given[:, :4] / np.tile(size, 2)
    corners = np.clip(whole * scale.numpy() + offset.numpy(), 0, 1) * 100
    return [
        (
            (_hundredths(left), _hundredths(top)),
            (_hundredths(right - left), _hundredths(bottom - top)),
        )
        for top, left, bottom, right in corners
    ]


def _hundredths(value: float) -> float:
    return round(float(value), 2)


def curves(found: Predictions, most: int = 12) -> list[drawing.Chart]:
    """Draws precision over recall at an IoU of 0.5, for each class with objects."""
    count = len(found.labels)
    matches = [
        matching.match(rows.truth(one), rows.found(other), count, matching.ALL)
        for one, other in zip(found.objects, found.detections, strict=True)
    ]
    gathered = average_precision.gather(matches, count)
    supports = gathered.positives[0].sum(axis=0)
    chosen_ids = [k for k in np.argsort(-supports, kind="stable") if supports[k]][:most]
    return [_curve(found.labels[k], gathered, int(k)) for k in chosen_ids]


def _curve(name: str, gathered: average_precision.Gathered, class_id: int) -> drawing.Chart:
    recall, precision, _ = average_precision.curve(gathered, class_id)
    step = max(1, len(recall) // _POINTS)
    x_axis = drawing.Axis(0, 1, drawing.LEFT, drawing.RIGHT)
    y_axis = drawing.Axis(0, 1, drawing.BOTTOM, drawing.TOP)
    points = [
        f"{x_axis.place(float(x))} {y_axis.place(float(y))}"
        for x, y in zip(recall[::step], precision[::step], strict=True)
    ]
    marks = [0, 0.25, 0.5, 0.75, 1]
    grid, labels = drawing.grid(marks, y_axis, [formats.tick(mark) for mark in marks])
    below = [
        drawing.Label(x_axis.place(mark), drawing.BOTTOM + 16, "middle", formats.tick(mark))
        for mark in marks
    ]
    return drawing.Chart(
        title=name,
        description=f"Precision over recall of {name}",
        height=drawing.HEIGHT,
        legend=(("first", "precision"),),
        rectangles=(),
        paths=(*grid, drawing.Path("first", "M" + "L".join(points)) if points else grid[0]),
        dots=(),
        labels=(*labels, *below, drawing.Label(drawing.RIGHT, drawing.HEIGHT - 4, "end", "recall")),
    )


def where(found: Sequence[np.ndarray], sizes: np.ndarray) -> str:
    """Draws how often each part of an image is covered by a box, as a data URI; dark is often."""
    heat = np.zeros((GRID, GRID))
    for one, size in zip(found, sizes, strict=True):
        for top, left, bottom, right in one[:, :4] / np.tile(size, 2) * GRID:
            low, high = (int(top), int(left)), (int(np.ceil(bottom)), int(np.ceil(right)))
            heat[low[0] : high[0], low[1] : high[1]] += 1
    shares = heat / max(1.0, heat.max())
    grey = (255 * (1 - shares)).astype(np.uint8)
    picture = Image.fromarray(grey).resize((_PICTURE_PX, _PICTURE_PX), Image.Resampling.NEAREST)
    return pages.data_uri(picture)
