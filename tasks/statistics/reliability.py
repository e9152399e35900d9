"""Reliability of probabilities: bins of a reliability diagram, expected calibration error.

Dimension letter: N answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# As in Guo et al., 2017.
BINS = 15


@dataclass(frozen=True)
class Bin:
    """The answers whose confidence is above ``low`` and at most ``high``.

    Attributes:
      low, high: the bounds, in 0–1.
      confidence: the mean of their confidences, in 0–1; None without answers.
      accuracy: the share of correct ones, in 0–1; None without answers.
      count: the number of answers.
    """

    low: float
    high: float
    confidence: float | None
    accuracy: float | None
    count: int


def bins(confidence: np.ndarray, correct: np.ndarray, count: int = BINS) -> list[Bin]:
    """Computes the bars of a reliability diagram, bins of equal width over the confidence.

    Args:
      confidence: float [N], the probability that each answer is correct, in 0–1.
      correct: bool [N].
      count: the number of bins.
    """
    confidence = confidence.astype(np.float64)
    edges = np.linspace(0, 1, count + 1)
    places = np.clip(np.digitize(confidence, edges, right=True) - 1, 0, count - 1)
    counts = np.bincount(places, minlength=count)
    sums = (np.bincount(places, weights=of, minlength=count) for of in (confidence, correct))
    confidences, accuracies = (
        [float(total / size) if size else None for total, size in zip(sum_of, counts, strict=True)]
        for sum_of in sums
    )
    return [
        Bin(float(low), float(high), mean, share, int(size))
        for low, high, mean, share, size in zip(
            edges[:-1], edges[1:], confidences, accuracies, counts, strict=True
        )
    ]


def expected_calibration_error(found: Sequence[Bin]) -> float | None:
    """Computes the mean gap between confidence and accuracy, weighted by the bins' answers.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599, equation 3. On few answers it is biased upwards: even a
    perfectly calibrated model has more than 0.

    Returns:
      A number in 0–1; None without answers.
    """
    gaps = [
        (abs(one.accuracy - one.confidence), one.count)
        for one in found
        if one.accuracy is not None and one.confidence is not None
    ]
    total = sum(size for _, size in gaps)
    return sum(gap * size for gap, size in gaps) / total if total else None
