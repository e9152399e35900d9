"""Sorts the detections above the operating threshold, and the objects, into kinds of errors.

At an IoU of 0.5, from the best score down; the first kind that fits:

    right         takes a free object of its class
    duplicate     lies on an object of its class that another detection has taken
    wrong_class   lies on an object of another class
    badly_placed  overlaps an object of its class by an IoU from 0.1 to 0.5
    false         anything else; on a crowd or a difficult object it is ignored

An object that no detection took is missed. The kinds are those of TIDE, Bolya et al., 2020,
https://arxiv.org/abs/2008.08115, without its attribution of AP.
"""

import enum
from dataclasses import dataclass

import numpy as np

from tasks.boxes import geometry, matching

MATCH_IOU = 0.5
NEAR_IOU = 0.1


class Kind(str, enum.Enum):
    """What became of a detection or an object; the values are codes in files."""

    RIGHT = "right"
    DUPLICATE = "duplicate"
    WRONG_CLASS = "wrong_class"
    BADLY_PLACED = "badly_placed"
    FALSE = "false"
    IGNORED = "ignored"
    MISSED = "missed"


@dataclass(frozen=True)
class Sorted:
    """The kinds of an image.

    Attributes:
      detections: kinds of the detections, in their order; None below the threshold.
      objects: kinds of the objects, in their order: right, ignored or missed.
      other: for each detection, the index of the object that it lies on; −1 for none.
    """

    detections: list[Kind | None]
    objects: list[Kind]
    other: np.ndarray


def sort(truth: matching.Truth, found: matching.Detections, thresholds: np.ndarray) -> Sorted:
    """Sorts one image.

    Args:
      truth: its objects.
      found: the answer about it.
      thresholds: float [K], the operating threshold of each class.
    """
    ignored = truth.is_crowd | truth.is_difficult
    objects = [Kind.IGNORED if one else Kind.MISSED for one in ignored]
    kinds: list[Kind | None] = [None] * len(found.scores)
    other = np.full(len(found.scores), -1)
    overlaps = geometry.iou(found.boxes, truth.boxes, truth.is_crowd)
    taken = np.zeros(len(truth.class_ids), bool)
    for index in np.argsort(-found.scores, kind="stable"):
        class_id = found.class_ids[index]
        if found.scores[index] < thresholds[class_id]:
            continue
        same = truth.class_ids == class_id
        kind, place = _kind(overlaps[index], same, taken, ignored)
        kinds[index], other[index] = kind, place
        if kind is Kind.RIGHT:
            taken[place] = True
            objects[place] = Kind.RIGHT
    return Sorted(kinds, objects, other)


def _kind(
    overlap: np.ndarray, same: np.ndarray, taken: np.ndarray, ignored: np.ndarray
) -> tuple[Kind, int]:
    def best(allowed: np.ndarray, least: float) -> int:
        values = np.where(allowed, overlap, -1.0)
        place = int(np.argmax(values)) if len(values) else -1
        return place if place >= 0 and values[place] >= least else -1

    for kind, allowed, least in (
        (Kind.RIGHT, same & ~taken & ~ignored, MATCH_IOU),
        (Kind.IGNORED, same & ignored, MATCH_IOU),
        (Kind.DUPLICATE, same & taken, MATCH_IOU),
        (Kind.WRONG_CLASS, ~same, MATCH_IOU),
        (Kind.BADLY_PLACED, same, NEAR_IOU),
    ):
        place = best(allowed, least)
        if place >= 0:
            return kind, place
    return Kind.FALSE, -1
