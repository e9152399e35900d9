"""The TFMA door of evaluation: our settings → the EvalConfig that stock Evaluator takes."""

import json
from collections.abc import Iterator

import tensorflow_model_analysis as tfma

from components.evaluator import config as evaluate_config
from data import example

SIGNATURE = "serve_examples"
PREDICTION = "probabilities"
ACCURACY = "accuracy"
CONFUSION = "confusion_matrix"
EXAMPLE_COUNT = "example_count"


def build(config: evaluate_config.EvaluateConfig, labels: list[str]) -> tfma.EvalConfig:
    """Builds the EvalConfig: metrics, floors, change thresholds and slices.

    The model is evaluated through its ``serve_examples`` signature, that is, on encoded images
    and by the very graph that will be served.

    Args:
      config: floors and the allowed drop.
      labels: the label map.
    """
    return tfma.EvalConfig(
        model_specs=[
            tfma.ModelSpec(
                model_type="tf_generic",
                signature_name=SIGNATURE,
                label_key=example.CLASS_LABEL,
                prediction_key=PREDICTION,
            )
        ],
        slicing_specs=[
            tfma.SlicingSpec(),
            tfma.SlicingSpec(feature_keys=[example.CLASS_TEXT]),
        ],
        metrics_specs=[
            tfma.MetricsSpec(
                metrics=[
                    _metric("ExampleCount", EXAMPLE_COUNT),
                    # At threshold 0 the predicted class is the most probable one, and a bad
                    # image, whose probabilities are all 0, counts as predicted nothing.
                    _metric(
                        "MultiClassConfusionMatrixAtThresholds",
                        CONFUSION,
                        options={"thresholds": [0.0]},
                    ),
                    _metric(
                        "SparseCategoricalAccuracy",
                        ACCURACY,
                        threshold=_accuracy_threshold(config, len(labels)),
                    ),
                    *_class_floors(config, len(labels)),
                ]
            ),
        ],
    )


def _accuracy_threshold(
    config: evaluate_config.EvaluateConfig, class_count: int
) -> tfma.MetricThreshold:
    return tfma.MetricThreshold(
        value_threshold=tfma.GenericValueThreshold(
            lower_bound={"value": config.accuracy_floor(class_count)}
        ),
        change_threshold=tfma.GenericChangeThreshold(
            direction=tfma.MetricDirection.HIGHER_IS_BETTER,
            absolute={"value": -config.max_accuracy_drop},
        ),
    )


def _class_floors(
    config: evaluate_config.EvaluateConfig, class_count: int
) -> Iterator[tfma.MetricConfig]:
    for rate, floor in (("precision", config.min_precision), ("recall", config.min_recall)):
        if floor is None:
            continue
        threshold = tfma.MetricThreshold(
            value_threshold=tfma.GenericValueThreshold(lower_bound={"value": floor})
        )
        for class_id in range(class_count):
            metric = _metric(
                "ClassRate",
                f"{rate}_{class_id}",
                options={"rate": rate, "class_id": class_id},
                threshold=threshold,
            )
            metric.module = "components.evaluator.class_metrics"
            yield metric


def _metric(
    class_name: str,
    name: str,
    options: dict[str, object] | None = None,
    threshold: tfma.MetricThreshold | None = None,
) -> tfma.MetricConfig:
    metric = tfma.MetricConfig(
        class_name=class_name, config=json.dumps({"name": name, **(options or {})})
    )
    if threshold is not None:
        # A plain threshold would hold in every slice, each class's own accuracy included; the
        # empty slicing spec is the whole split.
        whole = tfma.PerSliceMetricThreshold(
            slicing_specs=[tfma.SlicingSpec()], threshold=threshold
        )
        metric.per_slice_thresholds.append(whole)
    return metric
