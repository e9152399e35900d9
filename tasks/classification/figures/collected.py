"""Turns TFMA's counts into figures with intervals. Dimension letter: K classes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from data.examples import example
from tasks import evaluate_config, metric
from tasks.classification.figures import registry, result
from tasks.statistics import averages, counts, slicing


@dataclass(frozen=True)
class Measured:
    """TFMA's results for the whole test split or for a slice.

    Attributes:
      confusion: int [K, K + 1], of ``counts.confusion_matrix``.
      count: images.
      values: metric → number, or float [K]; empty where undefined for every class; NaN where
        undefined.
    """

    confusion: np.ndarray
    count: int
    values: Mapping[str, metric.Value]


def collect(
    labels: list[str],
    config: evaluate_config.EvaluateConfig,
    whole: Measured,
    parts: Iterable[tuple[str, int | str, Measured]],
) -> result.Result:
    """Builds the result of an evaluation.

    Args:
      labels: the label map.
      config: the settings of the evaluation.
      whole: TFMA's results for the test split.
      parts: (key, value, TFMA's results) of each slice, see ``slicing.Slicing.key``.
    """
    counted = counts.Counts.of(whole.confusion)
    return result.Result(
        labels=labels,
        confidence=config.confidence,
        example_count=whole.count,
        top_k=config.for_classes(len(labels)).top_k,
        figures=_of_whole(whole, counted, config),
        averages=averages.averages(counted, labels),
        per_class=_per_class(labels, config, whole, counted),
        confusion=whole.confusion.tolist(),
        slices=_slices(labels, config, parts),
    )


def _of_whole(
    measured: Measured, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> dict[str, result.Figure]:
    found = {}
    for one in registry.of_whole():
        value = np.array([measured.values[one.name]], np.float64)
        interval = one.intervals(value, counted, config)[0] if one.intervals else None
        found[one.name] = result.Figure(averages.known(value[0]), interval)
    return found


def _per_class(
    labels: list[str],
    config: evaluate_config.EvaluateConfig,
    whole: Measured,
    counted: counts.Counts,
) -> dict[str, result.ClassResult]:
    columns = {}
    for one in registry.by_class():
        values = np.asarray(whole.values[one.name], np.float64)
        if not values.size:
            values = np.full(len(labels), np.nan)
        around = one.intervals(values, counted, config) if one.intervals else [None] * len(values)
        columns[one.name] = [
            result.Figure(averages.known(value), interval)
            for value, interval in zip(values, around, strict=False)
        ]
    return {
        name: result.ClassResult(
            int(counted.support[class_id]),
            {metric_name: column[class_id] for metric_name, column in columns.items()},
        )
        for class_id, name in enumerate(labels)
    }


def _slices(
    labels: list[str],
    config: evaluate_config.EvaluateConfig,
    parts: Iterable[tuple[str, int | str, Measured]],
) -> list[result.Slice]:
    asked = slicing.slicings(config.slices, config.size_bounds_px)
    places = {row.key: place for place, row in enumerate(asked)}
    known = [(places[key], value, measured) for key, value, measured in parts if key in places]
    found = []
    for place, value, measured in sorted(known, key=lambda part: part[:2]):
        feature, name = asked[place].feature, asked[place].name(value)
        if feature == example.SPAN and value == example.NO_SPAN:
            continue
        if feature == example.CLASS_LABEL:
            feature, name = example.CLASS_TEXT, labels[int(value)]
        counted = counts.Counts.of(measured.confusion)
        # A slice of a single class has no meaningful mean over the classes.
        is_class = feature == example.CLASS_TEXT
        means = {
            one.name: None if is_class else averages.mean(np.asarray(measured.values[one.name]))
            for one in registry.by_class()
        }
        figures = _of_whole(measured, counted, config) | {
            metric_name: result.Figure(value) for metric_name, value in means.items()
        }
        found.append(result.Slice(feature, name, measured.count, figures))
    return found
