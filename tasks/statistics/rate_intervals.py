"""Confidence intervals of the rates that several tasks have, as metrics name them.

Each is a ``metric.MakeIntervals``; K classes or labels.
"""

import numpy as np

from tasks import evaluate_config
from tasks.statistics import counts, intervals

Intervals = list[intervals.Interval | None]


def of_precision(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> Intervals:
    """Returns Wilson's interval of each class's precision."""
    return intervals.wilsons(counted.true_positives, counted.called, config.confidence)


def of_recall(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> Intervals:
    """Returns Wilson's interval of each class's recall."""
    return intervals.wilsons(counted.true_positives, counted.support, config.confidence)


def of_f1(
    _: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> Intervals:
    """Returns the bootstrap interval of each class's F1."""
    return intervals.f1(counted, config.confidence, config.bootstrap_samples)


def of_share(
    value: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> Intervals:
    """Returns Wilson's interval of a share of all images, from its value [1]."""
    right = round(float(value[0]) * counted.total) if counted.total else 0
    return [intervals.wilson(right, counted.total, config.confidence)]
