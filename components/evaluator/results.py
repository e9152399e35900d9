"""TFMA adapter of evaluation results: reads its files into our figures."""

from typing import Any

import numpy as np

from components.evaluator import eval_config, tfma
from tasks import collecting, evaluate_config, result, task
from tasks.facets import judging
from tasks.statistics import counts


def read(
    uri: str, task_name: str, labels: list[str], config: evaluate_config.EvaluateConfig
) -> result.Result:
    """Reads the output of stock Evaluator.

    Args:
      uri: the URI of its ``evaluation`` artifact.
      task_name: the task's name.
      labels: the label map.
      config: the settings that the EvalConfig was built from.
    """
    figures = task.load(task_name).figures
    whole = _measured({}, len(labels), figures)
    parts = []
    for record in tfma.load_metrics(uri):
        values = {row.key.name: row.value for row in record.metric_keys_and_values}
        measured = _measured(values, len(labels), figures)
        keys = record.slice_key.single_slice_keys
        if not keys:
            whole = measured
            continue
        value = getattr(keys[0], keys[0].WhichOneof("kind"))
        name = value.decode("utf-8") if isinstance(value, bytes) else value
        parts.append((keys[0].column, name, measured))
    return figures.collect(labels, config, whole, parts)


def _measured(
    values: dict[str, Any], class_count: int, figures: judging.Figures
) -> collecting.Measured:
    """Reads one record; an empty one stands for no images."""
    cells = []
    if eval_config.CONFUSION in values:
        found = values[eval_config.CONFUSION].multi_class_confusion_matrix_at_thresholds
        cells = [
            ((entry.actual_class_id, entry.predicted_class_id), entry.num_weighted_examples)
            for entry in found.matrices[0].entries
        ]
    count = _number(values, eval_config.EXAMPLE_COUNT)
    numbers = {one.name for one in figures.of_whole}
    return collecting.Measured(
        confusion=counts.confusion_matrix(cells, class_count),
        count=0 if np.isnan(count) else round(count),
        values={
            name: (_number if name in numbers else _array)(values, name)
            for measurement in figures.measurements
            for name in measurement.names
        },
    )


def _number(values: dict[str, Any], name: str) -> float:
    return values[name].double_value.value if name in values else float("nan")


def _array(values: dict[str, Any], name: str) -> np.ndarray:
    return np.array(values[name].array_value.float64_values if name in values else [], np.float64)
