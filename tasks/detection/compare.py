"""How far two answers of detection are apart: boxes are matched, and their scores compared.

Dimension letters: N images, D detections.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.boxes import decoding, geometry

# Below it, a detection may lack a partner: which of many faint peaks comes first is chance.
CERTAIN_SCORE = 0.1
# A loss of IoU weighs less than a difference of scores: 0.01 of it is as much as 0.001 of a score.
IOU_WEIGHT = 0.1
_AGREED_IOU = 0.5


class Compare:
    """See ``judging.Compare``; what is compared are packed detections [N, 100 · 6]."""

    output = "detections"
    name_output = "label"
    setting = "max_detection_difference"
    unit = "difference of a score, or a tenth of a difference of IoU"

    def width(self, contract: Mapping[str, Any]) -> int:
        """See ``judging.Compare``."""
        return decoding.MAX_DETECTIONS * decoding.COLUMNS

    def values(self, probabilities: Any, contract: Mapping[str, Any], _fitted: Any = None) -> Any:
        """See ``judging.Compare``: packed detections [N, 100, 6], side by side."""
        return np.asarray(probabilities).reshape(len(probabilities), -1)

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See ``judging.Compare``: of the worst detection of each image.

        A detection is as far from an answer as from the closest one of its class in it; one without
        any is 1 apart. Those below CERTAIN_SCORE count only where they have a partner.
        """
        found = np.zeros(len(first))
        for index, (one, other) in enumerate(zip(_rows(first), _rows(second), strict=True)):
            if not (np.isfinite(one).all() and np.isfinite(other).all()):
                found[index] = np.inf
            else:
                found[index] = max(_apart(one, other), _apart(other, one))
        return found

    def names(
        self, values: np.ndarray, valid: np.ndarray, contract: Mapping[str, Any]
    ) -> list[str]:
        """See ``judging.Compare``: the class of the best detection at its threshold or above."""
        labels = contract["labels"]
        thresholds = np.array([contract["thresholds"][name] for name in labels], np.float32)
        names = []
        for rows, readable in zip(_rows(values), valid, strict=True):
            class_ids = rows[:, decoding.CLASS_ID].astype(int)
            scores = rows[:, decoding.SCORE]
            shown = np.flatnonzero((scores > 0) & (scores >= thresholds[class_ids]))
            names.append(labels[class_ids[shown[0]]] if readable and len(shown) else "")
        return names

    def agreement(
        self, first: np.ndarray, second: np.ndarray, contract: Mapping[str, Any]
    ) -> float:
        """See ``judging.Compare``: the share of images with the same objects at the thresholds.

        Objects are the same if their class is and their IoU is 0.5 or more.
        """
        thresholds = np.array([contract["thresholds"][name] for name in contract["labels"]])
        alike = [
            _are_same(_shown(one, thresholds), _shown(other, thresholds))
            for one, other in zip(_rows(first), _rows(second), strict=True)
        ]
        return float(np.mean(alike)) if alike else 1.0

    def exported(
        self, answer: np.ndarray, expected: np.ndarray, contract: Mapping[str, Any]
    ) -> tuple[float, str]:
        """See ``judging.Compare``: of boxes at the thresholds, matched by class and an IoU of 0.5.

        The difference is the mean one of their scores, and 1 for a box that has no partner. Number by
        number would say nothing: of two faint boxes either may come first.
        """
        if not (np.isfinite(answer).all() and np.isfinite(expected).all()):
            return np.inf, "detections are not finite"
        thresholds = np.array([contract["thresholds"][name] for name in contract["labels"]])
        lost = added = 0
        scores: list[float] = []
        overlaps: list[float] = []
        for one, other in zip(_rows(answer), _rows(expected), strict=True):
            # A partner may lie just below the threshold.
            wanted, offered = _shown(other, thresholds), other[other[:, decoding.SCORE] > 0]
            found, faint = _shown(one, thresholds), one[one[:, decoding.SCORE] > 0]
            pairs = _pairs(wanted, faint)
            lost += len(wanted) - len(pairs)
            added += len(found) - len(_pairs(found, offered))
            scores += [apart for apart, _ in pairs]
            overlaps += [overlap for _, overlap in pairs]
        total = len(scores) + lost + added
        difference = (sum(scores) + lost + added) / total if total else 0.0
        words = (
            f"of {len(scores) + lost} boxes it loses {lost} and adds {added}; scores of the others differ by"
            f" {np.mean(scores or [0.0]):.2g} in the mean, their boxes have an IoU of"
            f" {np.mean(overlaps or [1.0]):.3f}; the mean difference of scores, 1 for each box without a"
            " partner"
        )
        return float(difference), words

    def problem(self, values: np.ndarray, readable: np.ndarray) -> str | None:
        """See ``judging.Compare``."""
        rows = _rows(values)
        corners, scores = rows[..., :4], rows[..., decoding.SCORE]
        if values[~readable].any():
            return "detections in what is no image"
        if (scores < 0).any() or (scores > 1).any():
            return "invalid scores: they must be in 0–1"
        if (np.diff(scores, axis=1) > 0).any():
            return "detections that are not sorted by falling score"
        if (corners < 0).any() or (corners > 1).any():
            return "boxes that exceed the image"
        if (corners[..., 2:] < corners[..., :2]).any():
            return "inverted boxes"
        return None


COMPARE = Compare()


def _rows(values: np.ndarray) -> np.ndarray:
    return np.asarray(values).reshape(len(values), -1, decoding.COLUMNS)


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    """Returns how far the worst detection of one answer is from the other answer."""
    one, other = (rows[rows[:, decoding.SCORE] > 0].astype(np.float64) for rows in (one, other))
    overlap = geometry.iou(one[:, :4], other[:, :4])
    same = one[:, None, decoding.CLASS_ID] == other[None, :, decoding.CLASS_ID]
    scores = np.abs(one[:, None, decoding.SCORE] - other[None, :, decoding.SCORE])
    distance = np.where(same, np.maximum(scores, IOU_WEIGHT * (1 - overlap)), 1.0)
    nearest = distance.min(axis=1, initial=1.0)
    counted = one[:, decoding.SCORE] >= CERTAIN_SCORE
    return float(nearest[counted].max(initial=0.0))


def _shown(rows: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    scores = rows[:, decoding.SCORE]
    limits = thresholds[rows[:, decoding.CLASS_ID].astype(int)]
    return rows[(scores > 0) & (scores >= limits)]


def _pairs(ones: np.ndarray, others: np.ndarray) -> list[tuple[float, float]]:
    """Matches boxes, the best first; returns the difference of the scores and the IoU of each pair."""
    overlap = geometry.iou(ones[:, :4], others[:, :4])
    same = ones[:, None, decoding.CLASS_ID] == others[None, :, decoding.CLASS_ID]
    overlap = np.where(same, overlap, 0.0)
    pairs = []
    for index, one in enumerate(ones):
        place = int(np.argmax(overlap[index])) if len(others) else -1
        if place >= 0 and overlap[index, place] >= _AGREED_IOU:
            apart = abs(float(one[decoding.SCORE] - others[place, decoding.SCORE]))
            pairs.append((apart, float(overlap[index, place])))
            overlap[:, place] = 0.0
    return pairs


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    if len(one) != len(other):
        return False
    overlap = geometry.iou(one[:, :4], other[:, :4])
    same = one[:, None, decoding.CLASS_ID] == other[None, :, decoding.CLASS_ID]
    partners = (overlap >= _AGREED_IOU) & same
    return bool(partners.any(axis=1).all() and partners.any(axis=0).all())
