"""Boxes as given → boxes of the upright image in 0–1, the same for every format.

Coordinates are rounded to a 32nd of a pixel first: formats that store shares of the image round
them to six digits, and the same box must not differ in its last bits between formats.

Dimension letters: M objects of an image.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from data.boxes.config import Turned
from data.boxes.given import Box, Corners, Fault, Given, Problem, Unit
from data.layout import names

# Of a pixel. Six digits of a share are 0.004 px in an image of 8,000 px.
GRID = 32
# A box is clipped if at least this share of it lies within the image, and left out if less does.
MIN_INSIDE_SHARE = 0.5
# Shares may exceed 1 by rounding and by carelessness; numbers above this are pixels.
_LARGEST_SHARE = 2.0


@dataclass(frozen=True)
class Annotation:
    """The objects of an image.

    Attributes:
      boxes: float32 [M, 4] in 0–1 of the upright image: ymin, xmin, ymax, xmax.
      labels: M names of classes, in Unicode's form NFC.
      is_crowd, is_difficult: bool [M].
      area_px: float32 [M], as the file states it, else of the box; in pixels of the image that the
        annotation is for.
    """

    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    labels: tuple[str, ...] = ()
    is_crowd: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    is_difficult: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    area_px: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Size:
    """Size of an image in pixels, upright, and the orientation that its file states.

    Attributes:
      width, height: of the upright image.
      orientation: reads EXIF's orientation, 1–8, when it matters; 1: stored upright.
    """

    width: int
    height: int
    orientation: Callable[[], int] = lambda: 1


def resolve(
    given: Given, size: Size, turned: Turned = "upright"
) -> tuple[Annotation, list[Problem]]:
    """Makes the annotation of an image.

    A bad box is left out and a box that exceeds the image is clipped; neither costs the image.

    Args:
      given: the boxes as given.
      size: of the image.
      turned: what boxes refer to if the file states no size, or one that fits both.

    Returns:
      The annotation, and everything that is wrong with it.
    """
    problems = _of_size(given, size)
    is_stored, orientation = _is_stored(given, size, turned)
    width, height = size.width, size.height
    if is_stored and orientation >= 5:
        width, height = height, width
    kept: list[tuple[Box, Corners]] = []
    for box in given.boxes:
        corners = _corners(box, given, width, height)
        if isinstance(corners, Fault):
            problems.append(_problem(given, box, corners))
            continue
        inside = _clipped(corners, width, height)
        if isinstance(inside, Fault):
            problems.append(_problem(given, box, inside))
            continue
        if inside != corners:
            problems.append(_problem(given, box, Fault.CLIPPED))
        if is_stored:
            inside = upright(inside, width, height, orientation)
        kept.append((box, inside))
    return _annotation(kept, size), problems


def reduced(annotation: Annotation, file: Size, stored: Size) -> Annotation:
    """Returns the annotation of an image that is stored smaller: areas are in its pixels.

    Args:
      annotation: of the file's image.
      file: the size of that.
      stored: the size of what is stored.
    """
    share = stored.width * stored.height / (file.width * file.height)
    if share == 1:
        return annotation
    return replace(annotation, area_px=(annotation.area_px * share).astype(np.float32))


def upright(corners: Corners, width: int, height: int, orientation: int) -> Corners:
    """Turns a box of a stored image as EXIF's orientation turns the image.

    Args:
      corners: left, top, right, bottom in pixels of the stored image.
      width: of the stored image.
      height: of the stored image.
      orientation: EXIF's code, 1–8; others count as 1.
    """
    left, top, right, bottom = corners
    if orientation in (2, 3, 7, 8):
        left, right = width - right, width - left
    if orientation in (3, 4, 6, 7):
        top, bottom = height - bottom, height - top
    if orientation in (5, 6, 7, 8):
        left, top, right, bottom = top, left, bottom, right
    return left, top, right, bottom


def _of_size(given: Given, size: Size) -> list[Problem]:
    stated = (given.width, given.height)
    if stated in ((size.width, size.height), (size.height, size.width)):
        return []
    if given.unit is Unit.SHARES and not any(stated):
        return []
    fault = Fault.SIZE_WRONG if all(stated) else Fault.SIZE_ABSENT
    detail = f"{given.width}×{given.height} instead of {size.width}×{size.height}"
    return [Problem(given.file, "", fault, detail)]


def _is_stored(given: Given, size: Size, turned: Turned) -> tuple[bool, int]:
    """Returns whether the boxes are given for the image as stored, and the orientation if so."""
    stated, sides = (given.width, given.height), (size.width, size.height)
    if stated == sides and size.width != size.height and turned == "upright":
        return False, 1
    is_swapped = stated == sides[::-1] and size.width != size.height
    if not is_swapped and turned == "upright":
        return False, 1
    orientation = size.orientation()
    if is_swapped:
        return orientation >= 5, orientation
    # As stored, unless the stated size fits only the upright image.
    fits_upright_only = stated == sides and size.width != size.height and orientation >= 5
    return not fits_upright_only and orientation != 1, orientation


def _corners(box: Box, given: Given, width: int, height: int) -> Corners | Fault:
    """Returns left, top, right, bottom in pixels, on the grid; or what is wrong with the box."""
    if not box.label:
        return Fault.NO_LABEL
    values = box.corners
    if given.unit is Unit.SHARES:
        if max(map(abs, values)) > _LARGEST_SHARE:
            return Fault.PIXELS_FOR_SHARES
        values = (values[0] * width, values[1] * height, values[2] * width, values[3] * height)
    elif max(values) <= 1 and min(width, height) > 1 and any(v % 1 for v in values):
        return Fault.SHARES_FOR_PIXELS
    left, top, right, bottom = (math.floor(value * GRID + 0.5) / GRID for value in values)
    if right < left or bottom < top:
        return Fault.INVERTED
    if right == left or bottom == top:
        return Fault.EMPTY
    return left, top, right, bottom


def _clipped(corners: Corners, width: int, height: int) -> Corners | Fault:
    left, top, right, bottom = corners
    inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
    wide, high = inside[2] - inside[0], inside[3] - inside[1]
    if min(wide, high) <= 0:
        return Fault.OUTSIDE
    if wide * high < MIN_INSIDE_SHARE * (right - left) * (bottom - top):
        return Fault.OUTSIDE
    return inside


def _annotation(kept: list[tuple[Box, Corners]], size: Size) -> Annotation:
    sides = np.array([size.height, size.width, size.height, size.width], np.float64)
    rows = [[top, left, bottom, right] for _, (left, top, right, bottom) in kept]
    pixels = np.array(rows, np.float64).reshape(-1, 4)
    areas = (pixels[:, 2] - pixels[:, 0]) * (pixels[:, 3] - pixels[:, 1])
    given = [box.area_px for box, _ in kept]
    stated = [a if b is None else b for a, b in zip(areas, given, strict=True)]
    return Annotation(
        boxes=(pixels / sides).astype(np.float32),
        labels=tuple(names.canonical(box.label) for box, _ in kept),
        is_crowd=np.array([box.is_crowd for box, _ in kept], bool),
        is_difficult=np.array([box.is_difficult for box, _ in kept], bool),
        area_px=np.array(stated, np.float32),
    )


def _problem(given: Given, box: Box, fault: Fault) -> Problem:
    values = ", ".join(f"{value:g}" for value in box.corners)
    return Problem(given.file, box.place, fault, f"{box.label!r}: {values}")
