"""Rates of the labels over their thresholds: of whole images, over all labels, and by label.

Dimension letters: N images, K labels.
"""

from collections.abc import Mapping

import numpy as np

from tasks import metric
from tasks.multilabel.figures.label_counts import NAMES, LabelCounts
from tasks.statistics import averages, rate_intervals


class Rates:
    """Accumulates the metrics."""

    def __init__(self) -> None:
        self._counts = np.zeros([3, 0], np.int64)
        self._images = self._exact = 0

    def add(self, targets: np.ndarray, answers: np.ndarray) -> None:
        """See ``metric.Tally``: targets float [N, K], answers float [N, 2, K]."""
        truths, given = targets > 0, answers[:, 1] > 0
        self._images += len(truths)
        self._exact += int((truths == given).all(1).sum())
        self._plus(np.stack([(truths & given).sum(0), given.sum(0), truths.sum(0)]))

    def merge(self, other: "Rates") -> None:
        """See ``metric.Tally``."""
        self._images += other._images
        self._exact += other._exact
        self._plus(other._counts)

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        found = LabelCounts(*self._counts, images=self._images)
        hits, called, support = (int(row.sum()) for row in self._counts)
        f1 = found.f1()
        wrong, decisions = called + support - 2 * hits, self._images * len(found.support)
        return {
            "subset_accuracy": _ratio(self._exact, self._images),
            "hamming_loss": _ratio(wrong, decisions),
            "micro_f1": _ratio(2 * hits, called + support),
            "macro_f1": _known(averages.mean(f1)),
            "precision": found.precision(),
            "recall": found.recall(),
            "f1": f1,
            **dict(zip(NAMES, self._counts.astype(np.float64), strict=True)),
        }

    def _plus(self, rows: np.ndarray) -> None:
        if not self._counts.shape[1]:
            self._counts = np.zeros_like(rows)
        if rows.shape[1]:
            self._counts = self._counts + rows


def _ratio(numerator: int, denominator: int) -> float:
    return _known(averages.ratio(numerator, denominator))


def _known(value: float | None) -> float:
    return float("nan") if value is None else value


_WITHOUT = "no test image has it"

MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "subset_accuracy",
            "subset accuracy",
            "share of images to which exactly the true labels are given",
            intervals=rate_intervals.of_share,
        ),
        metric.Metric(
            "hamming_loss",
            "Hamming loss",
            "share of wrong decisions among all pairs of an image and a label",
            higher_is_better=False,
        ),
        metric.Metric(
            "micro_f1",
            "micro F1",
            "F1 of all pairs of an image and a label together",
        ),
        metric.Metric(
            "macro_f1",
            "macro F1",
            "mean F1 of the labels that test images have",
        ),
        metric.Metric(
            "precision",
            "precision",
            "share of the images predicted as the class that belong to it: TP / (TP + FP)",
            by_class=True,
            undefined="the model never gives it, although {images} have it",
            intervals=rate_intervals.of_precision,
        ),
        metric.Metric(
            "recall",
            "recall",
            "share of the class's images that are predicted as it: TP / (TP + FN)",
            by_class=True,
            undefined=_WITHOUT,
            intervals=rate_intervals.of_recall,
        ),
        metric.Metric(
            "f1",
            "F1",
            "2·TP / (2·TP + FP + FN)",
            by_class=True,
            undefined=_WITHOUT,
            intervals=rate_intervals.of_f1,
        ),
    ),
    tally=lambda _: Rates(),
    place=1,
    counts=NAMES,
)
