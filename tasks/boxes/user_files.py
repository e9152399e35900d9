"""Detections in users' files: COCO's JSON, lines of a table, and boxes drawn into images.

Dimension letters: D detections, H W image.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Colours of classes in turn, which differ also for colour-blind people: Okabe & Ito, 2008.
COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")


class Detection(NamedTuple):
    """One detection.

    Attributes:
      box: ymin, xmin, ymax, xmax in pixels of the upright image.
      score: in 0–1.
      class_id: the place of its class in the labels.
      is_shown: whether the score reaches the operating threshold of the class.
    """

    box: tuple[float, float, float, float]
    score: float
    class_id: int
    is_shown: bool


class Seen(NamedTuple):
    """The answer about an image.

    Attributes:
      path: as the table of answers names it.
      height, width: of the upright image.
      detections: best first.
    """

    path: str
    height: int
    width: int
    detections: Sequence[Detection]


def lines(found: Sequence[Detection], labels: Sequence[str]) -> list[list[Any]]:
    """Returns a line of cells for each detection, see HEADER; one of empty cells if there is none."""
    return [
        [labels[one.class_id], round(one.score, 4), one.is_shown, *_rounded(one.box)]
        for one in found
    ] or [[None] * len(HEADER)]


HEADER = ("label", "detection score", "shown", "ymin", "xmin", "ymax", "xmax")


def coco(images: Callable[[], Iterator[Seen]], labels: Sequence[str]) -> Iterator[str]:
    """Yields the parts of a JSON document as COCO has it: images, annotations, categories.

    Annotations have a score; categories are numbered from 1, and a box is left, top, width and height
    in pixels. ``annotations`` alone is what pycocotools' loadRes takes.

    Args:
      images: begins to read all images with an answer; it is called twice, so that memory holds one.
      labels: the names of the classes.
    """
    yield '{"images": ['
    for number, image in enumerate(images()):
        row = {"id": number, "file_name": image.path, "width": image.width, "height": image.height}
        yield f"{', ' if number else ''}{json.dumps(row, ensure_ascii=False)}"
    yield '],\n"annotations": ['
    count = 0
    for number, image in enumerate(images()):
        for one in image.detections:
            top, left, bottom, right = one.box
            row = {
                "id": count + 1,
                "image_id": number,
                "category_id": one.class_id + 1,
                "bbox": _rounded((left, top, right - left, bottom - top)),
                "area": round((right - left) * (bottom - top), 1),
                "score": round(one.score, 5),
                "iscrowd": 0,
            }
            yield f"{', ' if count else ''}{json.dumps(row)}"
            count += 1
    categories = [{"id": place + 1, "name": name} for place, name in enumerate(labels)]
    yield f'],\n"categories": {json.dumps(categories, ensure_ascii=False)}}}\n'


class Drawn(NamedTuple):
    """A box to draw.

    Attributes:
      box: ymin, xmin, ymax, xmax in pixels of the image.
      class_id: the place of its class in the labels.
      text: what stands at it.
    """

    box: tuple[float, float, float, float]
    class_id: int
    text: str


def colour(class_id: int) -> str:
    """Returns the colour of a class, #rrggbb."""
    return COLOURS[class_id % len(COLOURS)]


def draw_detections(
    picture: np.ndarray, found: Sequence[Detection], labels: Sequence[str]
) -> np.ndarray:
    """Draws the shown detections into an image: a box in the colour of the class, its name and score.

    Args:
      picture: uint8 [H, W, 3], upright.
      found: the detections; those below their threshold are left out.
      labels: the names of the classes.

    Returns:
      uint8 [H, W, 3], a new array.
    """
    # The best one last, so that it lies on top.
    shown = reversed([one for one in found if one.is_shown])
    return draw(
        picture,
        [Drawn(one.box, one.class_id, f"{labels[one.class_id]} {one.score:.2f}") for one in shown],
    )


def draw(picture: np.ndarray, boxes: Sequence[Drawn]) -> np.ndarray:
    """Draws boxes and their texts into an image uint8 [H, W, 3]; returns a new one."""
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    side = min(image.size)
    thick, font = max(2, side // 200), ImageFont.load_default(max(11, side // 30))
    for one in boxes:
        top, left, bottom, right = one.box
        paint = colour(one.class_id)
        pen.rectangle((left, top, max(left, right - 1), max(top, bottom - 1)), None, paint, thick)
        _, _, wide, high = pen.textbbox((0, 0), one.text, font=font)
        x = min(max(0.0, left), max(0.0, image.width - wide - 4))
        y = top - high - 4 if top >= high + 4 else top
        pen.rectangle((x, y, x + wide + 4, y + high + 4), paint)
        pen.text((x + 2, y + 2), one.text, "black", font)
    return np.asarray(image)


def _rounded(values: Sequence[float]) -> list[float]:
    return [round(float(value), 1) for value in values]


def read(detections: np.ndarray) -> list[Detection]:
    """Returns the detections of rows float64 [D, 7]: corners in pixels, score, class, whether shown."""
    return [
        Detection(
            (float(one[0]), float(one[1]), float(one[2]), float(one[3])),
            float(one[4]),
            int(one[5]),
            bool(one[6]),
        )
        for one in detections
    ]
