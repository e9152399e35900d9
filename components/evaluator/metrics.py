"""Per-class metrics from a confusion matrix. Dimension letter: K classes.

A rate without a denominator is undefined: None, never 0 or NaN.
"""

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


def per_class(confusion: np.ndarray, labels: list[str]) -> dict[str, ClassMetrics]:
    """Computes the metrics of every class.

    Args:
      confusion: int [K, K + 1]; rows are true classes, columns predicted ones, the last column
        counts examples for which nothing was predicted.
      labels: the K class names in the order of their ids.
    """
    class_count = len(labels)
    true_positives = np.diagonal(confusion[:, :class_count])
    predicted = confusion[:, :class_count].sum(axis=0)
    support = confusion.sum(axis=1)
    return {
        name: ClassMetrics(
            precision=_ratio(true_positives[i], predicted[i]),
            recall=_ratio(true_positives[i], support[i]),
            f1=_ratio(2 * true_positives[i], predicted[i] + support[i]),
            support=int(support[i]),
        )
        for i, name in enumerate(labels)
    }


def accuracy(confusion: np.ndarray) -> float | None:
    """The share of examples on the diagonal, in 0–1; None without examples."""
    return _ratio(np.trace(confusion[:, :-1]), confusion.sum())


def _ratio(numerator: int, denominator: int) -> float | None:
    return float(numerator / denominator) if denominator else None
