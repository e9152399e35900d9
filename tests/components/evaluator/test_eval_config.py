import importlib
import json
import typing

import pydantic
import pytest
import tensorflow_model_analysis as tfma

from components.evaluator import eval_config
from data.examples import example
from tasks import evaluate_config as config
from tasks.statistics import slicing

TASK = "classification"
LABELS = ["a", "b", "c"]


def test_answers_are_evaluated_and_no_model_is_asked():
    built = eval_config.build(TASK, config.EvaluateConfig(), LABELS)
    (spec,) = built.model_specs
    assert not spec.signature_name
    assert (spec.label_key, spec.prediction_key) == ("image/class/label", "probabilities")
    tfma.utils.verify_eval_config(built)


def test_nothing_is_decided():
    built = eval_config.build(TASK, config.EvaluateConfig(), LABELS)
    assert not tfma.metrics.metric_thresholds_from_metrics_specs(built.metrics_specs, built)


def test_slices_are_in_the_config():
    built = eval_config.build(TASK, config.EvaluateConfig(slices=["image/format"]), LABELS)
    assert [list(spec.feature_keys) for spec in built.slicing_specs] == [
        [],
        ["image/class/label"],
        ["image/size:128,256,512"],
        ["image/span"],
        ["image/format"],
    ]


@pytest.mark.parametrize(("asked", "used"), [(2, 2), (5, 3)])
def test_top_k_is_at_most_all_classes(asked, used):
    built = eval_config.build(TASK, config.EvaluateConfig(top_k=asked), LABELS)
    assert json.loads(built.metrics_specs[0].metrics[-1].config)["config"]["top_k"] == used


def test_the_evaluator_finds_the_extractors():
    assert callable(importlib.import_module(eval_config.EXTRACTORS).custom_extractors)


def test_every_feature_can_be_sliced_by_but_what_names_an_image():
    never = {example.ENCODED, example.FILENAME, example.SHA256, example.PHASH}
    always = {example.CLASS_TEXT, example.CLASS_LABEL, example.SPAN}
    allowed = set(typing.get_args(config.SliceFeature))
    assert allowed == set(example.FEATURES) - never - always
    assert set(slicing.BOUNDS) < allowed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"slices": ["image/colour"]}, "'image/format', 'image/source_format'"),
        ({"slices": ["image/format", "image/format"]}, "each feature once"),
        ({"size_bounds_px": [256, 128]}, "each larger than the one before"),
        ({"size_bounds_px": [0, 128]}, "from 1 up"),
        ({"top_k": 0}, "greater than or equal to 1"),
        ({"confidence": 1.0}, "less than 1"),
        ({"min_accuracy": 0.5}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(pydantic.ValidationError, match=message):
        config.EvaluateConfig(**settings)


def test_the_code_is_in_what_the_cache_knows():
    settings = config.EvaluateConfig()
    assert eval_config.build(TASK, settings, LABELS, "a") != eval_config.build(
        TASK, settings, LABELS, "b"
    )
