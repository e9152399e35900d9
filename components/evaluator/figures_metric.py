"""TFMA adapter of our metrics: a single TFMA metric that computes all of them."""

from collections.abc import Iterable, Mapping
from typing import Any

import apache_beam as beam
import numpy as np

from components.evaluator import tallies
from components.evaluator.tfma import metric_types, metric_util
from tasks import evaluate_config, metric, task


class FiguresMetric(metric_types.Metric):
    """Every metric under its own name: a number, or an array [K] by class, NaN where undefined.

    An array is empty in a slice in which no class has a value, such as the areas in that of a class.

    Args:
      task_name: the task's name.
      config: an EvaluateConfig as plain values.
      name: the TFMA metric's; the values have names of their own.
      code: hash of the evaluation code. It is not used, only carried: TFX's cache key covers
        nothing of an Evaluator but its EvalConfig, so this makes edits of the code count.
    """

    def __init__(
        self, task_name: str, config: Mapping[str, Any], name: str = "figures", code: str = ""
    ) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            task_name=task_name,
            config=dict(config),
            name=name,
        )


metric_types.register_metric(FiguresMetric)


def _computations(
    task_name: str,
    config: Mapping[str, Any],
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    figures = task.load(task_name).figures
    names = [name for measurement in figures.measurements for name in measurement.names]
    keys = {
        value_name: metric_types.MetricKey(
            name=value_name,
            model_name=model_name,
            output_name=output_name,
            example_weighted=example_weighted,
        )
        for value_name in names
    }
    combiner = _Combine(task_name, evaluate_config.EvaluateConfig(**config), keys, eval_config)
    return [
        metric_types.MetricComputation(
            keys=list(keys.values()), preprocessors=None, combiner=combiner
        )
    ]


class _Combine(beam.CombineFn):  # type: ignore[misc]
    def __init__(
        self,
        task_name: str,
        config: evaluate_config.EvaluateConfig,
        keys: dict[str, Any],
        eval_config: Any,
    ) -> None:
        self._task_name = task_name
        self._config = config
        self._keys = keys
        self._eval_config = eval_config

    def create_accumulator(self) -> tallies.Tallies:
        measurements = task.load(self._task_name).figures.measurements
        return tallies.Tallies(measurements, self._config)

    def add_input(self, accumulator: tallies.Tallies, element: Any) -> tallies.Tallies:
        key = next(iter(self._keys.values()))
        label, prediction, _ = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=key.model_name,
                output_name=key.output_name,
                flatten=False,
            )
        )
        figures = task.load(self._task_name).figures
        accumulator.add(figures.target(label), figures.answer(prediction))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[tallies.Tallies]) -> tallies.Tallies:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def compact(self, accumulator: tallies.Tallies) -> tallies.Tallies:
        accumulator.compact()
        return accumulator

    def extract_output(self, accumulator: tallies.Tallies) -> dict[Any, Any]:
        values = accumulator.values()
        return {key: _kept(values[name]) for name, key in self._keys.items()}


def _kept(value: metric.Value) -> metric.Value:
    if isinstance(value, np.ndarray) and not np.isfinite(value).any():
        return np.zeros(0)
    return value
