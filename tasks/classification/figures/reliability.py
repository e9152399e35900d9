"""Calibration of a model's probabilities: expected calibration error and reliability bins.

Dimension letters: N images, K classes.
"""

from dataclasses import dataclass

import numpy as np

from tasks.classification import answers as predictions

# As in Guo et al., 2017.
BINS = 15


@dataclass(frozen=True)
class Bin:
    """The images whose top probability is above ``low`` and at most ``high``.

    Attributes:
      low, high: the bounds, in 0–1.
      confidence: the mean of their top probabilities, in 0–1; None without images.
      accuracy: the share of correctly predicted ones, in 0–1; None without images.
      count: the number of images.
    """

    low: float
    high: float
    confidence: float | None
    accuracy: float | None
    count: int


def bins(found: predictions.Predictions, count: int = BINS) -> list[Bin]:
    """Computes the bars of a reliability diagram, bins of equal width over the top probability.

    Args:
      found: a model's answers; images that it could not read have no probability and are left out.
      count: the number of bins.
    """
    confidence = found.probabilities.max(1, initial=0.0)[found.valid].astype(np.float64)
    correct = found.correct[found.valid]
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


def expected_calibration_error(found: predictions.Predictions, count: int = BINS) -> float | None:
    """Computes the mean gap between confidence and accuracy over bins, weighted by their images.

    Source: Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599, equation 3. On few images it is biased upwards: even a
    perfectly calibrated model has more than 0.

    Args:
      found: a model's answers, as in :func:`bins`.
      count: the number of bins.

    Returns:
      A number in 0–1; None without images.
    """
    gaps = [
        (abs(one.accuracy - one.confidence), one.count)
        for one in bins(found, count)
        if one.accuracy is not None and one.confidence is not None
    ]
    total = sum(size for _, size in gaps)
    return sum(gap * size for gap, size in gaps) / total if total else None
