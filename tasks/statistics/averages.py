"""Averages of precision, recall and F1 over the classes. Dimension letter: K classes.

A rate without a denominator is undefined: None, never 0 or NaN.
"""

import math
from dataclasses import dataclass

import numpy as np

from tasks.statistics import counts


@dataclass(frozen=True)
class Average:
    """An average of each rate over the classes, in 0–1; None where undefined for all of them."""

    precision: float | None
    recall: float | None
    f1: float | None


@dataclass(frozen=True)
class Averages:
    """The three usual averages over the classes.

    Attributes:
      macro: each class counts the same.
      weighted: each class counts by its support.
      micro: over all images at once. Recall equals the accuracy; so do precision and F1 unless
        some image has no prediction.
      left_out: rate → the classes for which it is undefined, which its macro and weighted
        averages leave out; no entry where there are none.
    """

    macro: Average
    weighted: Average
    micro: Average
    left_out: dict[str, list[str]]


def averages(counted: counts.Counts, labels: list[str]) -> Averages:
    """Computes the averages over the classes.

    Equal to scikit-learn's ``precision_recall_fscore_support`` except for undefined rates: there
    they count as 0 (or as ``zero_division``), here the class is left out and named. A class
    without data must not lower the average, since it is no evidence about the model.

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
    called, support = counted.called.sum(), counted.support.sum()
    micro = Average(
        precision=ratio(counted.hits, called),
        recall=ratio(counted.hits, support),
        f1=ratio(2 * counted.hits, called + support) if support else None,
    )
    return Averages(Average(**macro), Average(**weighted), micro, left_out)


def mean(values: np.ndarray) -> float | None:
    """Returns the mean of the defined values; None where there are none."""
    defined = values[np.isfinite(values)]
    return ratio(defined.sum(), len(defined))


def ratio(numerator: float, denominator: float) -> float | None:
    """Returns the quotient; None where the denominator is 0."""
    return float(numerator / denominator) if denominator else None


def known(value: float | None) -> float | None:
    """Returns the value as a float; None where it is None, NaN or infinite."""
    return None if value is None or not math.isfinite(value) else float(value)
