"""Average precision of each label, whatever its threshold, and its mean over the labels.

Dimension letters: N images, K labels.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from tasks import evaluate_config, metric
from tasks.statistics import areas, averages, counts, intervals

AUTOMATIC = 0.5


class AveragePrecision:
    """Accumulates probabilities, from which the average precisions are computed.

    Args:
      exact_scores: the number of probabilities N·K that are kept unchanged.
    """

    def __init__(self, exact_scores: int = areas.EXACT_SCORES) -> None:
        self._areas = areas.Areas(exact_scores)
        self._images, self._support = 0, np.zeros(0, np.int64)

    def add(self, targets: np.ndarray, answers: np.ndarray) -> None:
        """See ``metric.Tally``: targets float [N, K], answers float [N, 2, K]."""
        scores = np.nan_to_num(answers[:, 0].astype(np.float32)).clip(0, 1)
        self._areas.add(targets > 0, scores)
        self._images += len(targets)
        self._plus((targets > 0).sum(0))

    def merge(self, other: "AveragePrecision") -> None:
        """See ``metric.Tally``."""
        self._areas.merge(other._areas)
        self._images += other._images
        self._plus(other._support)

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        _, found = self._areas.values()
        # Without negatives any order is right.
        found = np.where((self._support == self._images) & (self._images > 0), 1.0, found)
        mean = averages.mean(found)
        return {"map": float("nan") if mean is None else mean, "ap": found}

    def _plus(self, support: np.ndarray) -> None:
        if not self._support.size:
            self._support = np.zeros_like(support)
        if support.size:
            self._support = self._support + support


def interval(value: float, positives: int, confidence: float) -> intervals.Interval | None:
    """Computes the logit interval of an average precision.

    Source: Boyd, Eng & Page, "Area under the precision-recall curve: point estimates and
    confidence intervals", 2013, section 3.2.

    Args:
      value: in 0–1; NaN where undefined.
      positives: the number of images that have the label.
      confidence: in 0–1, exclusive.

    Returns:
      The interval in 0–1; None where undefined. At 0 and 1, where the formula has no width, that
      of a rate with as many trials.
    """
    if not positives or math.isnan(value):
        return None
    if not 0 < value < 1:
        return intervals.wilson(round(value) * positives, positives, confidence)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    centre, width = math.log(value / (1 - value)), z / math.sqrt(positives * value * (1 - value))
    low, high = (1 / (1 + math.exp(-end)) for end in (centre - width, centre + width))
    return intervals.Interval(low, high)


def _of_each(
    values: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    return [
        interval(float(value), int(positives), config.confidence)
        for value, positives in zip(values, counted.support, strict=True)
    ]


MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "map",
            "mAP",
            "mean of the average precisions of the labels that test images have",
            automatic=lambda _: AUTOMATIC,
            automatic_text=f"{AUTOMATIC}",
        ),
        metric.Metric(
            "ap",
            "AP",
            "average precision of the label's probability: area under the precision–recall curve,"
            " without interpolation",
            by_class=True,
            undefined="no test image has it",
            intervals=_of_each,
        ),
    ),
    tally=lambda _: AveragePrecision(),
    place=0,
)
