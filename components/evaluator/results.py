"""The TFMA door to what an evaluation found: its files → our metrics and plain reasons."""

from dataclasses import dataclass

import numpy as np
import tensorflow_model_analysis as tfma

from components.evaluator import eval_config, metrics

BASELINE_MODEL = "baseline"


@dataclass(frozen=True)
class Result:
    """What an evaluation found.

    Attributes:
      accuracy: on the test split, in 0–1; None without examples.
      per_class: class name → its metrics.
      blessed: whether every threshold was met.
      reasons: why it was not, one sentence each.
    """

    accuracy: float | None
    per_class: dict[str, metrics.ClassMetrics]
    blessed: bool
    reasons: list[str]


def read(uri: str, labels: list[str]) -> Result:
    """Reads the output of stock Evaluator.

    Args:
      uri: of its ``evaluation`` artifact.
      labels: the label map.
    """
    confusion = _confusion(uri, len(labels))
    validation = tfma.load_validation_result(uri)
    return Result(
        accuracy=metrics.accuracy(confusion),
        per_class=metrics.per_class(confusion, labels),
        blessed=bool(validation.validation_ok),
        reasons=_reasons(validation, labels),
    )


def _confusion(uri: str, class_count: int) -> np.ndarray:
    """The confusion matrix int [K, K + 1] of the candidate over the whole test split."""
    counts = []
    for record in tfma.load_metrics(uri):
        if record.slice_key.single_slice_keys:
            continue
        for item in record.metric_keys_and_values:
            key = item.key
            # Beside a baseline there are its own matrix and the difference of the two.
            if key.name != eval_config.CONFUSION or key.is_diff or key.model_name == BASELINE_MODEL:
                continue
            for entry in item.value.multi_class_confusion_matrix_at_thresholds.matrices[0].entries:
                ids = (entry.actual_class_id, entry.predicted_class_id)
                counts.append((ids, entry.num_weighted_examples))
    return metrics.confusion_matrix(counts, class_count)


def _reasons(
    validation: tfma.proto.validation_result_pb2.ValidationResult, labels: list[str]
) -> list[str]:
    reasons = []
    for in_slice in validation.metric_validations_per_slice:
        for failure in in_slice.failures:
            reasons.append(_reason(failure, labels))
    for missing in validation.missing_slices:
        reasons.append(f"No test images for {missing}.")
    return sorted(reasons)


def _reason(failure: tfma.proto.validation_result_pb2.ValidationFailure, labels: list[str]) -> str:
    name, _, class_id = failure.metric_key.name.partition("_")
    of = f" of {labels[int(class_id)]!r}" if class_id.isdigit() else ""
    found = failure.metric_value.double_value.value
    if failure.metric_key.is_diff:
        allowed = failure.metric_threshold.change_threshold.absolute.value
        return (
            f"The {name}{of} changed by {100 * found:+.1f} points against the last blessed model;"
            f" at most {100 * allowed:+.1f} is allowed."
        )
    floor = failure.metric_threshold.value_threshold.lower_bound.value
    shown = "undefined" if np.isnan(found) else f"{found:.1%}"
    return f"The {name}{of} is {shown}; at least {floor:.1%} is needed."
