"""Turns what an evaluation measured into figures with intervals. Dimension letter: K classes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from data.examples import feature_names
from tasks import evaluate_config, metric, registry, result
from tasks.statistics import averages, slicing


@dataclass(frozen=True)
class Measured:
    """The measurements on the whole test split or on a slice.

    Attributes:
      confusion: int [K, K + 1], of ``counts.confusion_matrix``; all 0 where the task has none.
      count: images.
      values: metric → number, or float [K]; empty where undefined for every class; NaN where
        undefined. The further counts of ``metric.Measurement.counts`` are among them.
    """

    confusion: np.ndarray
    count: int
    values: Mapping[str, metric.Value]


Count = Callable[[Measured], Any]
Part = tuple[str, int | str, Measured]


@dataclass(frozen=True)
class Collector:
    """Builds the parts of a result that every task has.

    Attributes:
      metrics: the task's metrics.
      count: what was measured → the counts that intervals are computed from; they have the support
        of each class, int64 [K].
      labels: the label map.
      config: the settings of the evaluation.
    """

    metrics: registry.Registry
    count: Count
    labels: list[str]
    config: evaluate_config.EvaluateConfig

    def of_whole(self, measured: Measured) -> dict[str, result.Figure]:
        """Returns metric → figure, for the metrics of the whole split."""
        counted, found = self.count(measured), {}
        for one in self.metrics.of_whole:
            value = np.array([measured.values[one.name]], np.float64)
            interval = one.intervals(value, counted, self.config)[0] if one.intervals else None
            found[one.name] = result.Figure(averages.known(value[0]), interval)
        return found

    def per_class(self, whole: Measured) -> dict[str, result.ClassResult]:
        """Returns class name → its figures."""
        counted, columns = self.count(whole), {}
        for one in self.metrics.by_class:
            values = np.asarray(whole.values[one.name], np.float64)
            if not values.size:
                values = np.full(len(self.labels), np.nan)
            around = (
                one.intervals(values, counted, self.config)
                if one.intervals
                else [None] * len(values)
            )
            columns[one.name] = [
                result.Figure(averages.known(value), interval)
                for value, interval in zip(values, around, strict=False)
            ]
        return {
            name: result.ClassResult(
                int(counted.support[class_id]),
                {metric_name: column[class_id] for metric_name, column in columns.items()},
            )
            for class_id, name in enumerate(self.labels)
        }

    def slices(self, parts: Iterable[Part]) -> list[result.Slice]:
        """Returns the figures of the slices.

        Args:
          parts: (key, value, measurements) of each slice, see ``slicing.Slicing.key``.
        """
        asked = slicing.slicings(self.config.slices, self.config.size_bounds_px)
        places = {row.key: place for place, row in enumerate(asked)}
        known = [(places[key], value, measured) for key, value, measured in parts if key in places]
        found = []
        for place, value, measured in sorted(known, key=lambda part: part[:2]):
            feature, name = asked[place].feature, asked[place].name(value)
            if feature == feature_names.SPAN and value == feature_names.NO_SPAN:
                continue
            if feature == feature_names.CLASS_LABEL:
                if not 0 <= int(value) < len(self.labels):
                    continue
                feature, name = feature_names.CLASS_TEXT, self.labels[int(value)]
            # A slice of a single class has no meaningful mean over the classes.
            is_class = feature == feature_names.CLASS_TEXT
            means = {
                one.name: None if is_class else averages.mean(np.asarray(measured.values[one.name]))
                for one in self.metrics.by_class
            }
            figures = self.of_whole(measured) | {
                metric_name: result.Figure(value) for metric_name, value in means.items()
            }
            found.append(result.Slice(feature, name, measured.count, figures))
        return found
