"""Calibration of the probability of the most probable class."""

from tasks.classification import answers as predictions
from tasks.statistics import reliability


def bins(found: predictions.Predictions, count: int = reliability.BINS) -> list[reliability.Bin]:
    """Computes the bars of a reliability diagram over the top probability.

    Args:
      found: a model's answers; images that it could not read have no probability and are left out.
      count: the number of bins.
    """
    confidence = found.probabilities.max(1, initial=0.0)[found.valid]
    return reliability.bins(confidence, found.correct[found.valid], count)


def expected_calibration_error(
    found: predictions.Predictions, count: int = reliability.BINS
) -> float | None:
    """Computes the expected calibration error of the top probability; None without images."""
    return reliability.expected_calibration_error(bins(found, count))
