"""The comparison of two detectors, and the gate's rate of false refusals."""

import numpy as np
import pytest

from components.release_gate import config as gate_config
from tasks.detection import evidence
from tests.tasks.boxes import made
from tests.tasks.detection.made_predictions import predictions

CONFIG = gate_config.GateConfig(bootstrap_samples=1000)


def alike(count, seed):
    """Two models that answer equally well, by chance in a different way."""
    first, second = (made.images(count, seed=seed, answers=number) for number in (1, 2))
    return predictions(first), predictions(second)


def worse(found, share, seed=0):
    """The same answers without a share of the detections."""
    generator = np.random.default_rng(seed)
    kept = [one[generator.random(len(one)) > share] for one in found.detections]
    pairs = predictions(made.images(len(found.paths)))
    rows = np.empty(len(kept), object)
    rows[:] = kept
    return type(pairs)(
        labels=found.labels,
        paths=found.paths,
        valid=found.valid,
        outlier_scores=found.outlier_scores,
        objects=found.objects,
        detections=rows,
        sizes=found.sizes,
    )


def test_equal_answers_are_released():
    found, _ = alike(30, 0)
    checks = evidence.EVIDENCE.against_served(found, found, CONFIG)
    assert [check.verdict for check in checks] == ["release"] * 4
    assert checks[0].name == evidence.WHOLE
    assert "stayed at" in checks[0].message


def test_a_large_loss_is_refused_in_whole_and_by_class():
    found, _ = alike(60, 0)
    checks = evidence.EVIDENCE.against_served(worse(found, 0.8), found, CONFIG)
    assert {check.verdict for check in checks} == {"refuse"}
    better = evidence.EVIDENCE.against_served(found, worse(found, 0.8), CONFIG)
    assert {check.verdict for check in better} == {"release"}


def test_a_class_that_the_served_model_does_not_know_is_told():
    found, _ = alike(30, 0)
    other = found.aligned(["a", "b"])
    names = [check.name for check in evidence.EVIDENCE.against_served(found, other, CONFIG)]
    assert names == [evidence.WHOLE, "new_classes", evidence.CLASS, evidence.CLASS]


def test_different_images_are_a_fault():
    first, _ = alike(5, 0)
    second, _ = alike(5, 7)
    with pytest.raises(Exception, match="cannot be compared"):
        evidence.EVIDENCE.against_served(first, second, CONFIG)


@pytest.mark.landing
def test_two_equally_good_models_are_seldom_refused():
    """With 95 % confidence, at most 5 % of comparisons of equals may refuse any check."""
    small = gate_config.GateConfig(bootstrap_samples=1000, max_map50_drop=0.0, max_ap50_drop=0.0)
    refused = 0
    for seed in range(60):
        first, second = alike(25, seed)
        checks = evidence.EVIDENCE.against_served(first, second, small)
        refused += any(check.verdict == "refuse" for check in checks)
    assert refused <= 7  # of 60; 3 are expected, and more than 7 have a probability of 1 %
