"""The TFMA door to per-class rates at the most probable class, as metrics with thresholds.

TFMA's own Precision and Recall of a class decide at a probability of 0.5, which in a classifier
of many classes is not what is predicted; with ``top_k`` their thresholds are never matched.
"""

from typing import Any

import numpy as np
from tensorflow_model_analysis.metrics import (
    metric_types,
    metric_util,
    multi_class_confusion_matrix_metrics,
)

from components.evaluator import metrics


class ClassRate(metric_types.Metric):
    """Precision, recall or F1 of one class; NaN, which meets no threshold, where undefined.

    Args:
      rate: "precision", "recall" or "f1".
      class_id: the label id.
      name: of the metric.
    """

    def __init__(self, rate: str, class_id: int, name: str) -> None:
        super().__init__(
            metric_util.merge_per_key_computations(_computations),
            rate=rate,
            class_id=class_id,
            name=name,
        )


metric_types.register_metric(ClassRate)


def _computations(
    rate: str,
    class_id: int,
    name: str,
    eval_config: Any = None,
    model_name: str = "",
    output_name: str = "",
    example_weighted: bool = False,
) -> list[Any]:
    keys = {
        "model_name": model_name,
        "output_name": output_name,
        "example_weighted": example_weighted,
    }
    matrices = multi_class_confusion_matrix_metrics.multi_class_confusion_matrices(
        thresholds=[0.0], eval_config=eval_config, **keys
    )
    source = matrices[-1].keys[-1]
    key = metric_types.MetricKey(name=name, **keys)

    def result(found: dict[Any, Any]) -> dict[Any, float]:
        confusion = metrics.confusion_matrix(found[source][0.0].items(), class_id + 1)
        value = getattr(metrics.class_metrics(confusion, class_id), rate)
        return {key: np.nan if value is None else value}

    return [*matrices, metric_types.DerivedMetricComputation(keys=[key], result=result)]
