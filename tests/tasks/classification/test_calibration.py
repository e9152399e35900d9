import math

import numpy as np
import pytest
from scipy import special

from tasks import temperature as scaling
from tasks.classification import calibration
from tasks.classification.figures import reliability
from tests.tasks.classification import made


def drawn(temperature: float, count: int = 20_000, seed: int = 0):
    """Logits, and labels drawn from their softmax at a temperature."""
    generator = np.random.default_rng(seed)
    logits = 4 * generator.normal(size=(count, 5))
    noise = generator.gumbel(size=logits.shape)
    return logits.astype(np.float32), (logits / temperature + noise).argmax(1)


def error(logits: np.ndarray, label_ids: np.ndarray, temperature: float) -> float:
    found = made.predicted(special.softmax(logits / temperature, axis=1), label_ids)
    return reliability.expected_calibration_error(found)


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_that_labels_were_drawn_at_is_found(temperature):
    logits, label_ids = drawn(temperature)
    found, note = calibration.fit_temperature(logits, label_ids)
    assert found == pytest.approx(temperature, rel=0.03)
    assert note.startswith("Fitted on 20,000 eval images")
    assert error(logits, label_ids, found) < 0.01
    if temperature != 1:
        assert error(logits, label_ids, 1.0) > 0.05


def test_the_log_loss_is_that_of_a_naive_loop():
    logits, label_ids = drawn(1.0, 50)
    losses = []
    for row, label_id in zip(logits, label_ids, strict=True):
        exponentials = [math.exp(value / 1.7) for value in row]
        losses.append(-math.log(exponentials[label_id] / sum(exponentials)))
    assert calibration.log_loss(logits, label_ids, 1.7) == pytest.approx(np.mean(losses), rel=1e-6)


@pytest.mark.parametrize("seed", range(20))
def test_the_log_loss_on_eval_never_rises(seed):
    generator = np.random.default_rng(seed)
    logits = 10 ** generator.uniform(-2, 3) * generator.normal(size=(25, 3)).astype(np.float32)
    label_ids = generator.integers(0, 3, 25) if seed % 2 else logits.argmax(1)
    found, _ = calibration.fit_temperature(logits, label_ids)
    assert scaling.LOWEST <= found <= scaling.HIGHEST
    after, before = (calibration.log_loss(logits, label_ids, value) for value in (found, 1.0))
    assert after <= before


def test_a_small_split_without_a_mistake_does_not_make_the_model_certain():
    label_ids = np.arange(30) % 3
    found, _ = calibration.fit_temperature(3 * np.eye(3)[label_ids], label_ids)
    assert 0.3 < found < 0.9


@pytest.mark.parametrize(
    ("shape", "said"), [((0, 3), "0 eval"), ((19, 3), "19 eval"), ((50, 1), "one")]
)
def test_too_little_leaves_probabilities_alone_and_says_so(shape, said):
    found, note = calibration.fit_temperature(np.ones(shape), np.zeros(shape[0], np.int64))
    assert found == 1.0
    assert said in note
