"""Matches the detections of one image with its objects, as COCO's evaluation does.

Detections take turns by falling score; each takes the object of its class with the highest IoU
that is still free, if the IoU reaches the threshold. Objects that are ignored (crowds, difficult
ones, those outside of a range of sizes) are taken last, and a detection that takes one counts
neither as right nor as wrong; a crowd may be taken many times.

Source: pycocotools' COCOeval.evaluateImg, with which a test compares the results. Difficult
objects of Pascal VOC are ignored too, which COCO does not know.

Dimension letters: D detections, G objects, A ranges of area, T thresholds of IoU, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tasks.boxes import geometry

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
# In pixels of the original image, as COCO defines them.
Range = tuple[float, float]
ALL: Mapping[str, Range] = {"all": (0.0, 1e10)}
AREAS: Mapping[str, Range] = {
    **ALL,
    "small": (0.0, 32.0**2),
    "medium": (32.0**2, 96.0**2),
    "large": (96.0**2, 1e10),
}


@dataclass(frozen=True)
class Truth:
    """The objects of an image.

    Attributes:
      boxes: float [G, 4] in pixels of the original image: ymin, xmin, ymax, xmax.
      class_ids: int [G].
      area_px: float [G].
      is_crowd, is_difficult: bool [G].
    """

    boxes: np.ndarray
    class_ids: np.ndarray
    area_px: np.ndarray
    is_crowd: np.ndarray
    is_difficult: np.ndarray


@dataclass(frozen=True)
class Detections:
    """The answer about an image.

    Attributes:
      boxes: float [D, 4] in pixels of the original image: ymin, xmin, ymax, xmax.
      scores: float [D] in 0–1.
      class_ids: int [D].
    """

    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    scores: np.ndarray = field(default_factory=lambda: np.zeros(0))
    class_ids: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


@dataclass(frozen=True)
class Matches:
    """Result for an image; its detections are sorted by class, then by falling score.

    Attributes:
      scores: float [D].
      class_ids: int [D].
      hit: bool [A, T, D], whether a detection took an object that counts.
      ignored: bool [A, T, D], whether it counts neither as right nor as wrong.
      positives: int [A, K], objects that count.
    """

    scores: np.ndarray
    class_ids: np.ndarray
    hit: np.ndarray
    ignored: np.ndarray
    positives: np.ndarray


def match(
    truth: Truth, found: Detections, class_count: int, ranges: Mapping[str, Range] = AREAS
) -> Matches:
    """Matches one image, at all thresholds and ranges of area.

    Args:
      truth: its objects.
      found: the answer about it.
      class_count: K.
      ranges: the A ranges of area, in pixels of the original image.
    """
    shape = (len(ranges), len(IOU_THRESHOLDS))
    positives = np.zeros((len(ranges), class_count), np.int64)
    order = np.lexsort((np.arange(len(found.scores)), -found.scores, found.class_ids))
    boxes, class_ids = found.boxes[order], found.class_ids[order]
    hit = np.zeros((*shape, len(order)), bool)
    ignored = np.zeros((*shape, len(order)), bool)
    sizes = geometry.areas(np.asarray(boxes, np.float64))
    for area, (low, high) in enumerate(ranges.values()):
        is_ignored = truth.is_crowd | truth.is_difficult
        is_ignored = is_ignored | (truth.area_px < low) | (truth.area_px > high)
        np.add.at(positives[area], truth.class_ids[~is_ignored], 1)
        for class_id in np.unique(class_ids):
            here, there = class_ids == class_id, truth.class_ids == class_id
            crowd = truth.is_crowd[there]
            overlaps = geometry.iou(boxes[here], truth.boxes[there], crowd)
            took, took_ignored = _take(overlaps, is_ignored[there], crowd)
            beyond = (sizes[here] < low) | (sizes[here] > high)
            hit[area][:, here] = took & ~took_ignored
            ignored[area][:, here] = took_ignored | (~took & beyond)
    return Matches(found.scores[order], class_ids, hit, ignored, positives)


def _take(
    overlaps: np.ndarray, is_ignored: np.ndarray, is_crowd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Lets the detections of a class take objects in turn.

    Args:
      overlaps: float [D, G].
      is_ignored: bool [G].
      is_crowd: bool [G].

    Returns:
      Whether each took an object, and whether that is ignored: bool [T, D] each.
    """
    count, objects = overlaps.shape
    took = np.zeros((len(IOU_THRESHOLDS), count), bool)
    took_ignored = np.zeros_like(took)
    if not objects:
        return took, took_ignored
    bounds = np.minimum(IOU_THRESHOLDS, 1 - 1e-10)[:, None]
    free = np.ones((len(IOU_THRESHOLDS), objects), bool)
    rows = np.arange(len(IOU_THRESHOLDS))
    for index, overlap in enumerate(overlaps):
        possible = (overlap >= bounds) & free
        counted = possible & ~is_ignored
        # Objects that count come first; of equal overlaps COCO takes the last.
        candidates = np.where(counted.any(axis=1, keepdims=True), counted, possible)
        values = np.where(candidates, overlap, -1.0)
        best = objects - 1 - np.argmax(values[:, ::-1], axis=1)
        took[:, index] = candidates.any(axis=1)
        took_ignored[:, index] = took[:, index] & is_ignored[best]
        free[rows, best] &= ~took[:, index] | is_crowd[best]
    return took, took_ignored
