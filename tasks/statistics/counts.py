"""The counts behind precision, recall, F1 and accuracy. Dimension letters: N images, K classes.

A rate without a denominator is undefined: NaN here, never 0.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from typing_extensions import Self


@dataclass
class Counts:
    """Numbers of images by true and by predicted class.

    Attributes:
      true_positives: int64 [K], images of each class that were predicted as it.
      called: int64 [K], images predicted as each class.
      support: int64 [K], images of each class.
    """

    true_positives: np.ndarray
    called: np.ndarray
    support: np.ndarray

    @classmethod
    def empty(cls, class_count: int = 0) -> Self:
        """Returns counts of no images; they grow with the classes that are added."""
        return cls(*np.zeros([3, class_count], np.int64))

    @classmethod
    def of(cls, confusion: np.ndarray) -> Self:
        """Computes the counts from a matrix of :func:`confusion_matrix`."""
        return cls(np.diagonal(confusion).copy(), confusion[:, :-1].sum(0), confusion.sum(1))

    @property
    def total(self) -> int:
        """Returns the number of images."""
        return int(self.support.sum())

    @property
    def hits(self) -> int:
        """Returns the number of correctly predicted images."""
        return int(self.true_positives.sum())

    def add(self, label_ids: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds images, see ``metric.Tally``; the predicted class is the most probable one."""
        scores = np.nan_to_num(probabilities)
        predicted, is_called = scores.argmax(1), scores.max(1, initial=0) > 0
        highest = int(label_ids.max(initial=-1)) + 1
        self._grow(max(highest, probabilities.shape[1]))
        size = len(self.support)
        self.support += np.bincount(label_ids, minlength=size)
        self.called += np.bincount(predicted[is_called], minlength=size)
        right = label_ids[is_called & (predicted == label_ids)]
        self.true_positives += np.bincount(right, minlength=size)

    def merge(self, other: "Counts") -> None:
        """Adds the counts of another object."""
        self._grow(len(other.support))
        size = len(other.support)
        self.true_positives[:size] += other.true_positives
        self.called[:size] += other.called
        self.support[:size] += other.support

    def accuracy(self) -> float:
        """Returns the share of correctly predicted images, in 0–1; NaN without images."""
        return self.hits / self.total if self.total else float("nan")

    def precision(self) -> np.ndarray:
        """Returns float64 [K] in 0–1; undefined for a class that is never predicted."""
        return _rates(self.true_positives, self.called)

    def recall(self) -> np.ndarray:
        """Returns float64 [K] in 0–1; undefined for a class without images."""
        return _rates(self.true_positives, self.support)

    def f1(self) -> np.ndarray:
        """Returns 2·TP / (called + support), the harmonic mean of both rates, float64 [K] in 0–1.

        Undefined for a class without images, 0 for one with images that is never predicted.
        """
        return _rates(
            2 * self.true_positives, np.where(self.support, self.called + self.support, 0)
        )

    def _grow(self, size: int) -> None:
        missing = size - len(self.support)
        if missing > 0:
            self.true_positives, self.called, self.support = (
                np.pad(values, (0, missing))
                for values in (self.true_positives, self.called, self.support)
            )


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


def _rates(numerators: np.ndarray, denominators: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.where(denominators, numerators / np.where(denominators, denominators, 1), np.nan)
