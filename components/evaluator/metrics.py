"""Per-class metrics and their averages from a confusion matrix. Dimension letter: K classes.

A rate without a denominator is undefined: None, never 0 or NaN.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

RATES = ("precision", "recall", "f1")


@dataclass(frozen=True)
class ClassMetrics:
    """The metrics of one class; rates in 0–1, None where undefined.

    Attributes:
      precision: true positives / predicted; undefined for a class that is never predicted.
      recall: true positives / support; undefined for a class without examples.
      f1: their harmonic mean, 2·TP / (predicted + support); undefined for a class without
        examples, 0 for one with examples that is never predicted.
      support: how many examples are of the class.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    support: int


@dataclass(frozen=True)
class Average:
    """An average of each rate over the classes, in 0–1; None where undefined for all of them."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Averages:
    """Averages over the classes.

    Attributes:
      macro: each class counts the same.
      weighted: each class counts by its support.
      micro: over all images at once. Recall is the accuracy; so are precision and F1 unless
        nothing was predicted of some image.
      left_out: rate → the classes for which it is undefined and that its macro and weighted
        averages leave out; no entry where there are none.
    """

    macro: Average
    weighted: Average
    micro: Average
    left_out: dict[str, list[str]]


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
        f1=_ratio(2 * true_positives, predicted + support) if support else None,
        support=int(support),
    )


def per_class(confusion: np.ndarray, labels: list[str]) -> dict[str, ClassMetrics]:
    """Computes the metrics of every class.

    Args:
      confusion: int [K, K + 1], of :func:`confusion_matrix`.
      labels: the K class names in the order of their ids.
    """
    return {name: class_metrics(confusion, class_id) for class_id, name in enumerate(labels)}


def averages(confusion: np.ndarray, labels: list[str]) -> Averages:
    """Computes the averages over the classes.

    As scikit-learn's ``precision_recall_fscore_support``, but for undefined rates: there they
    count as 0 (or as ``zero_division`` says), here the class is left out and named, since an
    average that falls with a class of which nothing is known says nothing of the model.

    Args:
      confusion: int [K, K + 1], of :func:`confusion_matrix`.
      labels: the K class names in the order of their ids.
    """
    classes = per_class(confusion, labels)
    macro, weighted, left_out = {}, {}, {}
    for rate in RATES:
        known = [row for row in classes.values() if getattr(row, rate) is not None]
        values = np.array([getattr(row, rate) for row in known])
        support = np.array([row.support for row in known])
        macro[rate] = _ratio(values.sum(), len(known))
        weighted[rate] = _ratio((values * support).sum(), support.sum())
        missing = [name for name, row in classes.items() if getattr(row, rate) is None]
        if missing:
            left_out[rate] = missing
    true_positives = np.trace(confusion[:, :-1])
    predicted, total = confusion[:, :-1].sum(), confusion.sum()
    micro = Average(
        precision=_ratio(true_positives, predicted),
        recall=_ratio(true_positives, total),
        f1=_ratio(2 * true_positives, predicted + total) if total else None,
    )
    return Averages(Average(**macro), Average(**weighted), micro, left_out)


def accuracy(confusion: np.ndarray) -> float | None:
    """The share of examples on the diagonal, in 0–1; None without examples."""
    return _ratio(np.trace(confusion[:, :-1]), confusion.sum())


def _ratio(numerator: float, denominator: float) -> float | None:
    return float(numerator / denominator) if denominator else None
