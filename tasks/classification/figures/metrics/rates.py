"""Accuracy, and each class's precision, recall and F1, all of the most probable class."""

from collections.abc import Mapping

import numpy as np

from tasks import evaluate_config, metric
from tasks.statistics import counts, intervals, rate_intervals

MOST_AUTOMATIC = 0.7


class Rates(counts.Counts):
    """Accumulates the four metrics."""

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        return {
            "accuracy": self.accuracy(),
            "precision": self.precision(),
            "recall": self.recall(),
            "f1": self.f1(),
        }


def _automatic(class_count: int) -> float:
    return min(MOST_AUTOMATIC, 2 / class_count)


def _of_accuracy(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    return [intervals.wilson(counted.hits, counted.total, config.confidence)]


MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "accuracy",
            "accuracy",
            "correctly predicted images / images",
            automatic=_automatic,
            automatic_text=f"twice that of guessing, at most {MOST_AUTOMATIC}",
            intervals=_of_accuracy,
        ),
        metric.Metric(
            "precision",
            "precision",
            "share of the images predicted as the class that belong to it: TP / (TP + FP)",
            by_class=True,
            undefined="the model never predicts it, although {images} belong to it",
            intervals=rate_intervals.of_precision,
        ),
        metric.Metric(
            "recall",
            "recall",
            "share of the class's images that are predicted as it: TP / (TP + FN)",
            by_class=True,
            undefined="there are no test images of it",
            intervals=rate_intervals.of_recall,
        ),
        metric.Metric(
            "f1",
            "F1",
            "2·TP / (2·TP + FP + FN)",
            by_class=True,
            undefined="there are no test images of it",
            intervals=rate_intervals.of_f1,
        ),
    ),
    tally=lambda _: Rates.empty(),
    place=0,
)
