"""Averages of precision, recall and F1 over the classes. Dimension letter: K classes.

A rate without a denominator is undefined: None, never 0 or NaN.
"""

import math
from dataclasses import dataclass

import numpy as np

from components.evaluator import counts


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


def averages(counted: counts.Counts, labels: list[str]) -> Averages:
    """Computes the averages over the classes.

    As scikit-learn's ``precision_recall_fscore_support``, but for undefined rates: there they
    count as 0 (or as ``zero_division`` says), here the class is left out and named, since an
    average that falls with a class of which nothing is known says nothing of the model.

    Args:
      counted: the images.
      labels: the K class names in the order of their ids.
    """
    rates = {"precision": counted.precision(), "recall": counted.recall(), "f1": counted.f1()}
    macro, weighted, left_out = {}, {}, {}
    for name, of_all in rates.items():
        values = of_all[: len(labels)]
        defined = np.isfinite(values)
        support = counted.support[: len(labels)][defined]
        macro[name] = mean(values)
        weighted[name] = ratio((values[defined] * support).sum(), support.sum())
        if not defined.all():
            left_out[name] = [labels[index] for index in np.flatnonzero(~defined)]
    called = counted.called.sum()
    micro = Average(
        precision=ratio(counted.hits, called),
        recall=ratio(counted.hits, counted.total),
        f1=ratio(2 * counted.hits, called + counted.total) if counted.total else None,
    )
    return Averages(Average(**macro), Average(**weighted), micro, left_out)


def mean(values: np.ndarray) -> float | None:
    """The mean of the values that are defined; None where none is."""
    defined = values[np.isfinite(values)]
    return ratio(defined.sum(), len(defined))


def ratio(numerator: float, denominator: float) -> float | None:
    """None without a denominator."""
    return float(numerator / denominator) if denominator else None


def known(value: float | None) -> float | None:
    """Returns a number, None for what is None, NaN or infinite."""
    return None if value is None or not math.isfinite(value) else float(value)
