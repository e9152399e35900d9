import json

import tensorflow_model_analysis as tfma

from components.evaluator import config, eval_config

LABELS = ["a", "b", "c"]


def thresholds(built: tfma.EvalConfig) -> dict[str, tfma.MetricThreshold]:
    return {
        json.loads(metric.config)["name"]: row.threshold
        for spec in built.metrics_specs
        for metric in spec.metrics
        for row in metric.per_slice_thresholds
    }


def test_the_model_is_evaluated_as_it_is_served():
    built = eval_config.build(config.EvaluateConfig(), LABELS)
    (spec,) = built.model_specs
    assert spec.signature_name == "serve_examples"
    assert (spec.label_key, spec.prediction_key) == ("image/class/label", "probabilities")
    assert [list(spec.feature_keys) for spec in built.slicing_specs] == [[], ["image/class/text"]]


def test_accuracy_has_a_floor_and_an_allowed_drop():
    settings = config.EvaluateConfig(min_accuracy=0.8, max_accuracy_drop=0.03)
    (threshold,) = thresholds(eval_config.build(settings, LABELS)).values()
    assert threshold.value_threshold.lower_bound.value == 0.8
    assert threshold.change_threshold.absolute.value == -0.03
    assert threshold.change_threshold.direction == tfma.MetricDirection.HIGHER_IS_BETTER


def test_every_class_has_its_floors():
    settings = config.EvaluateConfig(min_precision=0.5, min_recall=0.4)
    found = thresholds(eval_config.build(settings, LABELS))
    floors = {name: row.value_threshold.lower_bound.value for name, row in found.items()}
    assert {name: value for name, value in floors.items() if name != "accuracy"} == {
        "precision_0": 0.5,
        "precision_1": 0.5,
        "precision_2": 0.5,
        "recall_0": 0.4,
        "recall_1": 0.4,
        "recall_2": 0.4,
    }
