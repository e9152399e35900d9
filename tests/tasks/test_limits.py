import math

import pytest

from components.release_gate import config
from tasks import evaluate_config, limits
from tasks.classification.figures import FIGURES
from tests.tasks.classification.answered import chosen

LABELS = ["cat", "dog", "owl"]


def checked(found, **wanted):
    return limits.check(
        FIGURES, found, config.GateConfig(**wanted), evaluate_config.EvaluateConfig()
    )


def verdicts(checks):
    return {(check.name, check.figures.get("class")): check.verdict for check in checks}


@pytest.mark.parametrize(("class_count", "floor"), [(2, 0.7), (3, 2 / 3), (10, 0.2)])
def test_the_automatic_floor_is_twice_guessing(class_count, floor):
    (accuracy,) = [one for one in FIGURES.every if one.name == "accuracy"]
    assert config.GateConfig().limit(accuracy, class_count) == pytest.approx(floor)


def test_accuracy_at_the_floor_is_enough():
    found = chosen(LABELS, [0, 0, 1, 2], [0, 0, 1, 1])
    (check,) = checked(found, min_accuracy=0.75)
    assert check.verdict == "release"
    (check,) = checked(found, min_accuracy=0.76)
    assert check.verdict == "refuse"
    assert check.message == "Accuracy is 75.0% on 4 test images; at least 76.0% is needed."


def test_every_class_has_its_limits():
    found = chosen(LABELS, [0, 0, 1, 1, 2, 2], [0, 0, 1, 0, 2, 2])
    checks = checked(found, min_recall=0.6, min_precision=0.7, min_support=2)
    assert verdicts(checks) == {
        ("accuracy_floor", None): "release",
        ("recall_floor", "cat"): "release",
        ("precision_floor", "cat"): "refuse",
        ("recall_floor", "dog"): "refuse",
        ("precision_floor", "dog"): "release",
        ("recall_floor", "owl"): "release",
        ("precision_floor", "owl"): "release",
    }
    assert "Recall of 'dog' is 50.0% on 2 test images; at least 60.0% is needed." in [
        check.message for check in checks
    ]


def test_a_class_that_is_never_predicted_is_refused_in_words():
    found = chosen(LABELS, [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 1, 1])
    check = checked(found, min_precision=0.1, min_support=2)[-1]
    assert (check.verdict, check.figures["rate"]) == ("refuse", None)
    assert check.message == (
        "Precision of 'owl' is undefined: the model never predicts it, although 2 test images"
        " belong to it; at least 10.0% is needed."
    )


def test_small_classes_are_named_and_not_held_to_the_limits():
    found = chosen(LABELS, [0, 0, 1, 2, 2], [0, 0, 2, 2, 2])
    checks = checked(found, min_recall=0.5, min_support=2, min_accuracy=0)
    assert ("recall_floor", "dog") not in verdicts(checks)
    assert {check.verdict for check in checks} == {"release"}
    assert checks[-1].message == (
        "Not checked against the limits of a class, since they have fewer than 2 test images: 'dog'"
        " (1)."
    )


def test_without_support_asked_for_an_untested_class_is_refused():
    found = chosen(LABELS, [0, 1], [0, 1])
    check = checked(found, min_recall=0.5, min_support=0)[-1]
    assert check.verdict == "refuse"
    assert "Recall of 'owl' is undefined: there are no test images of it" in check.message


def test_nothing_to_test_on_is_refused():
    (check,) = checked(chosen(LABELS, [], []), min_accuracy=0, min_recall=0.5)
    assert check.verdict == "refuse"
    assert "no test images" in check.message


def test_what_must_not_rise_has_a_ceiling():
    found = chosen(LABELS, [0, 0, 1, 2], [0, 0, 1, 1])  # one of four is wrong, all are sure
    loss = math.log(1e7) / 4
    _, check = checked(found, min_accuracy=0, max_log_loss=4)
    assert (check.name, check.verdict) == ("log_loss_ceiling", "refuse")
    assert check.message == (f"Log loss is {loss:.3f} on 4 test images; at most 4.000 is allowed.")
    _, check = checked(found, min_accuracy=0, max_log_loss=4.1)
    assert check.verdict == "release"


def test_every_metric_has_a_limit():
    names = {one.setting for one in FIGURES.every}
    assert names >= {"min_accuracy", "min_f1", "min_auc", "min_top_k_accuracy", "max_log_loss"}
    assert names <= set(config.GateConfig.model_fields)
