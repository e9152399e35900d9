import math

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from tasks import temperature
from tasks.facets.training import CalibrationSettings
from tasks.multilabel import calibration
from tasks.multilabel.calibration import thresholds

LABELS = ["a", "b", "c"]


def drawn(degree: float, count: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels drawn with the probabilities of a temperature."""
    generator = np.random.default_rng(0)
    logits = (3 * generator.normal(size=(count, 3)) - [0, 1, 2]).astype(np.float32)
    chances = 1 / (1 + np.exp(-logits / degree))
    return logits, (generator.random(logits.shape) < chances).astype(np.float32)


def fit(outputs, targets, **settings) -> calibration.Fitted:
    return calibration.CALIBRATION.fit(outputs, targets, LABELS, CalibrationSettings(**settings))


@pytest.mark.parametrize("degree", [0.4, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_at_is_found(degree):
    logits, targets = drawn(degree)
    found = fit(logits, targets)
    assert found.temperature == pytest.approx(degree, rel=0.05)
    assert found.note.startswith("Fitted on 5,000 eval images, whose log loss went from ")
    probabilities = found.probabilities(tf.constant(logits)).numpy()
    assert probabilities.sum(axis=1).std() > 0.1  # independent: no row sums to one number
    assert found.thresholds == pytest.approx(
        thresholds.find(probabilities, targets > 0).thresholds.tolist()
    )


def test_the_log_loss_is_scikit_learns():
    logits, targets = drawn(1.0, 50)
    probabilities = 1 / (1 + np.exp(-logits.astype(float) / 1.7))
    expected = np.mean([metrics.log_loss(targets[:, k], probabilities[:, k]) for k in range(3)])
    found = calibration.log_loss(logits, targets > 0, 1.7)
    assert found == pytest.approx(expected, rel=1e-6)
    assert math.isfinite(calibration.log_loss(logits * 1e4, targets > 0))


def test_a_precision_floor_raises_thresholds_and_is_told():
    logits, targets = drawn(1.0)
    plain, strict = fit(logits, targets), fit(logits, targets, min_precision=0.9)
    assert all(np.greater(strict.thresholds, plain.thresholds))
    assert "highest F1" in plain.note
    assert "precision of at least 0.9" in strict.note


def test_labels_that_are_too_rare_or_never_precise_are_told_by_name():
    logits, targets = drawn(1.0, 100)
    targets[:, 1], targets[:, 2] = 0, np.arange(100) % 2
    logits[:, 2] = 0.0
    found = fit(logits, targets, min_precision=0.9)
    assert "b: the threshold is 0.5, because fewer than 5" in found.note
    assert "c: no threshold has that precision" in found.note
    assert found.thresholds[1] == thresholds.DEFAULT


def test_turned_off_the_thresholds_are_still_fitted():
    logits, targets = drawn(2.5)
    found = fit(logits, targets, is_on=False)
    assert found.temperature == 1.0
    assert "train.calibrate" in found.note
    assert found.thresholds != calibration.CALIBRATION.unfitted(3).thresholds


def test_a_contract_gives_back_what_was_fitted():
    logits, targets = drawn(2.5)
    found = fit(logits, targets)
    contract = {"labels": LABELS, "calibration": found.note, **found.parameters(LABELS)}
    assert calibration.CALIBRATION.of_contract(contract) == found
    with pytest.raises(LookupError):
        calibration.CALIBRATION.of_contract({**contract, "thresholds": {"a": 0.5}})


def test_few_images_leave_the_temperature():
    found = fit(*(part[:10] for part in drawn(2.5)))
    assert found.temperature == 1.0
    assert f"at least {temperature.FEWEST_IMAGES}" in found.note
