"""IoU, Dice, pixel accuracy and boundary F1, from an image's matrix of pixels and its outlines.

Dimension letters: N images, K classes.
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks import evaluate_config, metric
from tasks.segmentation.figures import boundary, pixels, resampling, rows
from tasks.statistics import groups

WHOLE = ("mean_iou", "pixel_accuracy", "mean_dice", "frequency_weighted_iou")
MOST_AUTOMATIC = 0.2


class Overlap:
    """Accumulates the metrics; of each image it keeps 3·K + 2 numbers, to draw images again.

    Args:
      config: confidence and number of resamples.
    """

    def __init__(self, config: evaluate_config.EvaluateConfig) -> None:
        self._config = config
        self._matrix: Any = 0
        self._outlines: Any = 0
        self._images: Any = 0
        self._sums: list[np.ndarray] = []
        self._groups: list[np.ndarray] = []

    def add(self, targets: np.ndarray, answers: np.ndarray) -> None:
        """See ``metric.Tally``."""
        size = rows.class_count(answers.shape[1])
        matrices, outlines, numbers = rows.unpacked(answers, size)
        sums = pixels.Sums.of(matrices)
        self._matrix = self._matrix + matrices.sum(0)
        self._outlines = self._outlines + outlines.sum(0)
        self._images = self._images + (targets > 0).sum(0)
        self._sums.append(np.stack([sums.hits, sums.answered, sums.support], axis=1))
        self._groups.append(numbers)

    def merge(self, other: "Overlap") -> None:
        """See ``metric.Tally``."""
        self._matrix = self._matrix + other._matrix
        self._outlines = self._outlines + other._outlines
        self._images = self._images + other._images
        self._sums += other._sums
        self._groups += other._groups

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        if not self._sums:
            nothing = np.zeros(0)
            names = ("iou", "dice", "boundary_f1", *COUNTS)
            return dict.fromkeys(WHOLE, math.nan) | dict.fromkeys(names, nothing)
        found = pixels.Sums.of(self._matrix)
        whole = {name: float(getattr(found, name)) for name in WHOLE}
        # In an order that does not depend on how the images were spread over workers.
        parts, numbers = np.concatenate(self._sums), np.concatenate(self._groups)
        order = np.lexsort(np.concatenate([numbers, parts.reshape(len(parts), -1)], axis=1).T)
        parts = resampling.grouped(parts[order], _keys(numbers[order]))
        drawn = resampling.resampled(parts, self._config.bootstrap_samples)
        sums = pixels.Sums(drawn[:, 0], drawn[:, 1], drawn[:, 2])
        return {
            **whole,
            "iou": found.iou,
            "dice": found.dice,
            "boundary_f1": boundary.f1(np.asarray(self._outlines)),
            "support_images": np.asarray(self._images, np.float64),
            "support_pixels": np.asarray(found.support),
            "confusion": np.asarray(self._matrix, np.float64).ravel(),
            "iou_intervals": self._bounds(sums.iou),
            "dice_intervals": self._bounds(sums.dice),
            "whole_intervals": self._bounds(
                np.stack([getattr(sums, name) for name in WHOLE], axis=1)
            ),
        }

    def _bounds(self, drawn: np.ndarray) -> np.ndarray:
        """Returns low and high of each column of resamples [B, n], float [2·n]; NaN if undefined."""
        found = [resampling.interval(column, self._config.confidence) for column in drawn.T]
        return np.array([one or (math.nan, math.nan) for one in found]).ravel()


def _keys(numbers: np.ndarray) -> list[object]:
    """Returns a key for each image, equal for those of one group: [N, 2] → N keys."""
    given = [tuple(number) for number in numbers.tolist()]
    return [place if number == groups.ALONE else number for place, number in enumerate(given)]


COUNTS = (
    "support_images",
    "support_pixels",
    "confusion",
    "iou_intervals",
    "dice_intervals",
    "whole_intervals",
)


def _automatic(class_count: int) -> float:
    return min(MOST_AUTOMATIC, 1 / class_count)


_ABSENT = "no test image shows it"
MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "mean_iou",
            "mean IoU",
            "mean of the classes' IoU; classes that no test image shows are left out",
            automatic=_automatic,
            automatic_text=f"1 / number of classes, at most {MOST_AUTOMATIC}",
        ),
        metric.Metric("pixel_accuracy", "pixel accuracy", "correctly answered pixels / pixels"),
        metric.Metric("mean_dice", "mean Dice", "mean of the classes' Dice, as of their IoU"),
        metric.Metric(
            "frequency_weighted_iou",
            "frequency-weighted IoU",
            "mean of the classes' IoU, weighted by their pixels",
        ),
        metric.Metric(
            "iou",
            "IoU",
            "pixels of the class that were answered as it / pixels of it or answered as it",
            by_class=True,
            undefined=_ABSENT,
        ),
        metric.Metric(
            "dice",
            "Dice",
            "2·TP / (pixels of the class + pixels answered as it)",
            by_class=True,
            undefined=_ABSENT,
        ),
        metric.Metric(
            "boundary_f1",
            "boundary F1",
            "F1 of outline pixels within 0.75 % of the diagonal of the other mask's outline",
            by_class=True,
            undefined=_ABSENT,
        ),
    ),
    tally=Overlap,
    place=0,
    counts=COUNTS,
)
