"""Accuracy, and each class's precision, recall and F1: what is counted of the most probable class."""

from collections.abc import Mapping

import numpy as np

from components.evaluator import config as evaluate_config
from components.evaluator import counts, intervals, metric

MOST_AUTOMATIC = 0.7


class Rates(counts.Counts):
    """Gathers the four."""

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


def _of_precision(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    return _wilson(counted.true_positives, counted.called, config.confidence)


def _of_recall(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    return _wilson(counted.true_positives, counted.support, config.confidence)


def _of_f1(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    return intervals.f1(counted, config.confidence, config.bootstrap_samples)


def _wilson(
    successes: np.ndarray, trials: np.ndarray, confidence: float
) -> list[intervals.Interval | None]:
    pairs = zip(successes.tolist(), trials.tolist(), strict=True)
    return [intervals.wilson(*pair, confidence) for pair in pairs]


MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "accuracy",
            "accuracy",
            "images predicted rightly / images",
            automatic=_automatic,
            automatic_text=f"twice that of guessing, at most {MOST_AUTOMATIC}",
            intervals=_of_accuracy,
        ),
        metric.Metric(
            "precision",
            "precision",
            "of the images called so, the share that is so: TP / (TP + FP)",
            by_class=True,
            undefined="the model never predicts it, though {images} are of it",
            intervals=_of_precision,
        ),
        metric.Metric(
            "recall",
            "recall",
            "of the images that are so, the share called so: TP / (TP + FN)",
            by_class=True,
            undefined="there are no test images of it",
            intervals=_of_recall,
        ),
        metric.Metric(
            "f1",
            "F1",
            "2·TP / (2·TP + FP + FN)",
            by_class=True,
            undefined="there are no test images of it",
            intervals=_of_f1,
        ),
    ),
    tally=lambda _: Rates.empty(),
    place=0,
)
