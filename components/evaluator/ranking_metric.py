"""The TFMA door to how well scores rank, as one metric with three values."""

from collections.abc import Iterable
from typing import Any

import apache_beam as beam
import numpy as np
from tensorflow_model_analysis.metrics import metric_types, metric_util

from components.evaluator import ranking

TOP_K = "top_k_accuracy"
AUC = "auc"
PR_AUC = "pr_auc"


class RankingMetric(metric_types.Metric):
    """Top-k accuracy, and each class's areas under both curves as arrays [K], NaN where undefined.

    The arrays are empty in a slice in which no class has an area, such as that of a class.

    Args:
      top_k: how many most probable classes are looked at.
      name: of the metric; the values have names of their own.
      code: hash of the code that evaluates. Nothing is done with it: an EvalConfig is all that
        TFX's cache key knows of an Evaluator, and so an edit of the code is in it.
    """

    def __init__(self, top_k: int, name: str = "ranking", code: str = "") -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations), top_k=top_k, name=name
        )


metric_types.register_metric(RankingMetric)


def _computations(
    top_k: int,
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    keys = [
        metric_types.MetricKey(
            name=value,
            model_name=model_name,
            output_name=output_name,
            example_weighted=example_weighted,
        )
        for value in (TOP_K, AUC, PR_AUC)
    ]
    combiner = _Combine(top_k, keys, eval_config)
    return [metric_types.MetricComputation(keys=keys, preprocessors=None, combiner=combiner)]


class _Combine(beam.CombineFn):  # type: ignore[misc]
    def __init__(self, top_k: int, keys: list[Any], eval_config: Any) -> None:
        self._top_k = top_k
        self._keys = keys
        self._eval_config = eval_config

    def create_accumulator(self) -> ranking.Ranking:
        return ranking.Ranking(self._top_k)

    def add_input(self, accumulator: ranking.Ranking, element: Any) -> ranking.Ranking:
        label, prediction, _ = next(
            metric_util.to_label_prediction_example_weight(
                element,
                eval_config=self._eval_config,
                model_name=self._keys[0].model_name,
                output_name=self._keys[0].output_name,
                flatten=False,
            )
        )
        accumulator.add(np.asarray(label, np.int64).reshape(1), prediction.reshape(1, -1))
        return accumulator

    def merge_accumulators(self, accumulators: Iterable[ranking.Ranking]) -> ranking.Ranking:
        merged = self.create_accumulator()
        for accumulator in accumulators:
            merged.merge(accumulator)
        return merged

    def compact(self, accumulator: ranking.Ranking) -> ranking.Ranking:
        accumulator.compact()
        return accumulator

    def extract_output(self, accumulator: ranking.Ranking) -> dict[Any, Any]:
        areas = accumulator.areas()
        if not any(np.isfinite(values).any() for values in areas):
            areas = (np.zeros(0), np.zeros(0))
        return dict(zip(self._keys, (accumulator.top_k_accuracy(), *areas), strict=True))
