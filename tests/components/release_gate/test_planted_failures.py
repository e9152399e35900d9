"""Real classifiers of real digits with a planted fault, each against the same served model."""

import numpy as np
import pytest

from components.release_gate import config, decision, gate
from tasks import task
from tests.tasks.classification.answered import DIGITS, TRAIN

METHODS = ("mcnemar", "bootstrap")


def decide(candidate, served, **chosen):
    job = config.GateJob(config=config.GateConfig(**chosen), model_name="m", cache_dir="")
    return decision.decide(
        gate.quality(task.load(task.DEFAULT), candidate, served, job), job.config
    )


def refused(made):
    return [
        (check.name, check.figures.get("class"))
        for check in made.checks
        if check.verdict == "refuse"
    ]


@pytest.mark.parametrize("method", METHODS)
def test_a_model_that_is_worse_on_one_class_is_refused_for_that_class(digits, served, method):
    eights = np.flatnonzero(digits.label_ids[:TRAIN] == 8)
    rows = np.setdiff1d(np.arange(TRAIN), eights[20:])
    made = decide(digits.ask(digits.fit(rows)), served, method=method)
    assert (made.verdict, made.blessed) == ("refuse", False)
    assert refused(made) == [("recall_against_served", "8")]
    assert made.reasons[0].startswith("Recall of '8' fell from ")


def test_a_model_with_permuted_labels_is_refused_with_and_without_a_served_one(digits, served):
    model = digits.fit(np.arange(TRAIN))
    permuted = digits.ask(model, labels=[*DIGITS[1:], DIGITS[0]]).aligned(DIGITS)
    assert refused(decide(permuted, None)) == [("accuracy_floor", None)]
    made = decide(permuted, served)
    assert made.verdict == "refuse"
    assert ("accuracy_against_served", None) in refused(made)
    assert len(refused(made)) == 12


@pytest.mark.parametrize("method", METHODS)
def test_models_that_are_equal_but_noisy_are_not_refused(digits, method):
    random = np.random.default_rng(0)
    samples = [random.choice(TRAIN, 600, replace=False) for _ in range(4)]
    answers = [digits.ask(digits.fit(rows)) for rows in samples]
    for one, other in zip(answers, [*answers[1:], answers[0]], strict=True):
        assert not np.array_equal(one.correct, other.correct)
        assert decide(one, other, method=method).verdict == "release"


@pytest.mark.parametrize(("setting", "blessed"), [("refuse", False), ("release", True)])
def test_equal_but_noisy_on_few_images_is_for_the_setting_to_decide(digits, setting, blessed):
    random = np.random.default_rng(2)
    one, other = (
        digits.ask(digits.fit(random.choice(TRAIN, 600, replace=False)), digits.test[:100])
        for _ in range(2)
    )
    assert not np.array_equal(one.correct, other.correct)
    made = decide(one, other, inconclusive=setting)
    assert (made.verdict, made.blessed) == ("inconclusive", blessed)
    assert "would be needed" in made.reasons[0]


def test_the_first_model_needs_only_the_limits(served):
    assert decide(served, None).verdict == "release"
    assert decide(served, None, min_accuracy=0.99).verdict == "refuse"
