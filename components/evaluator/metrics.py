"""Per-class metrics from a confusion matrix. Dimension letter: K classes.

A rate without a denominator is undefined: None, never 0 or NaN.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics of one class; rates in 0–1, None where undefined.

    Attributes:
      precision: true positives / predicted; undefined for a class that is never predicted.
      recall: true positives / support; undefined for a class without examples.
      f1: their harmonic mean, 2·TP / (predicted + support); undefined where both are 0.
      support: how many examples are of the class.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


def confusion_matrix(
    counts: Iterable[tuple[tuple[int, int], float]], class_count: int
) -> np.ndarray:
    """Builds a confusion matrix from sparse counts.

    Args:
      counts: ((true class id, predicted class id), number of examples); a predicted id of −1
        means that nothing was predicted.
      class_count: K at least; more where an id needs it.

    Returns:
      int [K, K + 1]; rows are true classes, columns predicted ones, the last column counts
      examples for which nothing was predicted.
    """
    rows = [(*ids, round(count)) for ids, count in counts]
    size = max([class_count, *(max(true, predicted) + 1 for true, predicted, _ in rows)])
    matrix = np.zeros([size, size + 1], np.int64)
    for true, predicted, count in rows:
        matrix[true, predicted] += count
    return matrix


def class_metrics(confusion: np.ndarray, class_id: int) -> ClassMetrics:
    """Computes the metrics of one class from a matrix of :func:`confusion_matrix`."""
    true_positives = confusion[class_id, class_id]
    predicted = confusion[:, class_id].sum()
    support = confusion[class_id].sum()
    return ClassMetrics(
        precision=_ratio(true_positives, predicted),
        recall=_ratio(true_positives, support),
        f1=_ratio(2 * true_positives, predicted + support),
        support=int(support),
    )


def per_class(confusion: np.ndarray, labels: list[str]) -> dict[str, ClassMetrics]:
    """Computes the metrics of every class.

    Args:
      confusion: int [K, K + 1], of :func:`confusion_matrix`.
      labels: the K class names in the order of their ids.
    """
    return {name: class_metrics(confusion, class_id) for class_id, name in enumerate(labels)}


def accuracy(confusion: np.ndarray) -> float | None:
    """The share of examples on the diagonal, in 0–1; None without examples."""
    return _ratio(np.trace(confusion[:, :-1]), confusion.sum())


def _ratio(numerator: int, denominator: int) -> float | None:
    return float(numerator / denominator) if denominator else None
