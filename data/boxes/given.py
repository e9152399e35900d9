"""What an annotation file says about an image, before the image has been looked at.

Each format has its own reader; all of them return :class:`Given`. :mod:`data.boxes.resolve` makes
an annotation of it once the size of the image is known.
"""

import enum
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from data.files import read_back


class Unit(str, enum.Enum):
    """The unit of coordinates: pixels, or shares of the image's width and height."""

    PIXELS = "pixels"
    SHARES = "shares"


class Fault(str, enum.Enum):
    """What is wrong with a box or an annotation file; the values are codes in lists."""

    INVERTED = "inverted"
    EMPTY = "empty"
    OUTSIDE = "outside"
    CLIPPED = "clipped"
    NO_LABEL = "no_label"
    UNKNOWN_LABEL = "unknown_label"
    PIXELS_FOR_SHARES = "pixels_for_shares"
    SHARES_FOR_PIXELS = "shares_for_pixels"
    MALFORMED = "malformed"
    SIZE_ABSENT = "size_absent"
    SIZE_WRONG = "size_wrong"
    NO_IMAGE = "no_image"
    NO_ANNOTATION = "no_annotation"
    UNREADABLE = "unreadable"
    OTHER_NAME = "other_name"
    UNUSED_CLASS = "unused_class"
    NUMBERS_FROM_ONE = "numbers_from_one"


# The box or the image is used all the same.
HARMLESS = frozenset(
    {
        Fault.CLIPPED,
        Fault.SIZE_ABSENT,
        Fault.SIZE_WRONG,
        Fault.OTHER_NAME,
        Fault.UNUSED_CLASS,
        Fault.NUMBERS_FROM_ONE,
    }
)


class Problem(NamedTuple):
    """Something wrong in an annotation file.

    Attributes:
      file: the annotation file, relative to the data folder.
      place: where in it, such as "line 12" or "annotations[7]"; empty for the whole file.
      fault: what is wrong.
      detail: the values.
    """

    file: str
    place: str
    fault: Fault
    detail: str = ""


Corners = tuple[float, float, float, float]


class Box(NamedTuple):
    """A box as it is given.

    Attributes:
      label: the name of its class.
      corners: left, top, right and bottom in the unit of its image.
      place: where it stands in its file.
      is_crowd: whether it stands for a group of objects that were not annotated one by one.
      is_difficult: whether its author marked it as difficult.
      area_px: area of the object in pixels if the file states it, else None.
    """

    label: str
    corners: Corners
    place: str
    is_crowd: bool = False
    is_difficult: bool = False
    area_px: float | None = None


@dataclass(frozen=True)
class Given:
    """All boxes of an image.

    Attributes:
      file: the annotation file, relative to the data folder.
      boxes: in the order of the file; empty: the image is known to show no object.
      unit: of their coordinates.
      width, height: as the file states them; 0 if it does not.
    """

    file: str
    boxes: tuple[Box, ...] = ()
    unit: Unit = Unit.PIXELS
    width: int = 0
    height: int = 0

    def to_json(self) -> str:
        """Returns one line of JSON, the same for equal values."""
        rows = [list(box) for box in self.boxes]
        return json.dumps([self.file, self.unit.value, self.width, self.height, rows])

    @classmethod
    def from_json(cls, text: str) -> "Given":
        """Reads what :meth:`to_json` returned.

        Raises:
          read_back.ReadError: it is damaged.
        """
        return read_back.from_json(text, "boxes of an image", _given)


def _given(found: Sequence[Any]) -> Given:
    file, unit, width, height, rows = found
    boxes = tuple(Box(row[0], corners(row[1]), *row[2:]) for row in rows)
    return Given(str(file), boxes, Unit(unit), int(width), int(height))


def is_plausible(box: Box) -> bool:
    """Returns whether a box can be right whatever the image is: it has a name and an extent."""
    left, top, right, bottom = box.corners
    return bool(box.label) and left < right and top < bottom


def corners(values: Iterable[object]) -> Corners:
    """Converts four values of a file to finite numbers.

    Raises:
      ValueError: one is none, or there are more or fewer.
    """
    left, top, right, bottom = map(number, values)
    return left, top, right, bottom


def number(text: object) -> float:
    """Converts a value of a file to a finite number.

    Raises:
      ValueError: it is none.
    """
    value = float(str(text).strip())
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


def label(text: object) -> str:
    """Returns the name of a class without space around it; empty if there is none."""
    return "" if text is None else str(text).strip()
