import dataclasses
import math

import keras
import numpy as np
import pytest
from scipy import special

from components.evaluator import reliability
from components.trainer import calibration, phases
from data import dataset, progress
from tests.components.evaluator import made
from tests.components.trainer import conftest


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
    assert calibration.LOWEST <= found <= calibration.HIGHEST
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


def test_images_are_chosen_evenly_from_every_class(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_IMAGES", 80)
    label_ids = np.repeat([0, 1], [1000, 7])
    chosen = calibration.choose(label_ids, 2)
    assert np.bincount(label_ids[chosen]).tolist() == [40, 7]
    assert np.diff(np.flatnonzero(chosen)[:40]).max() <= 26


def fit(classifier: keras.Model, job: phases.Job) -> calibration.Calibration:
    return calibration.fit(classifier, job.spec, job.config, job.train_files, job.eval_files)


@pytest.fixture(scope="module")
def fitted(trained):
    told = []
    with progress.listening(lambda task: told.append((task.name, task.done, task.total))):
        found = fit(trained.classifier, trained.job)
    assert told[-1] == (calibration.TASK, 2 * conftest.COUNT, 2 * conftest.COUNT)
    return found


def logits_of(trained, files) -> tuple[np.ndarray, np.ndarray]:
    batches = dataset.evaluation_batches(files, conftest.COUNT, conftest.SIZE, conftest.COUNT)
    pixels, label_ids = next(iter(batches))
    return trained.classifier(pixels, training=False).numpy(), label_ids.numpy()


def test_a_real_training_says_more_rightly_how_sure_it_is(trained, fitted, tmp_path):
    on_eval = logits_of(trained, trained.job.eval_files)
    assert fitted.temperature != 1.0
    before = calibration.log_loss(*on_eval)
    assert calibration.log_loss(*on_eval, fitted.temperature) < before
    assert f"{before:.4f}" in fitted.note
    on_test = logits_of(trained, conftest.write(tmp_path / "test", *conftest.images(7)))
    assert calibration.log_loss(*on_test, fitted.temperature) < calibration.log_loss(*on_test)
    assert error(*on_test, fitted.temperature) <= error(*on_test, 1.0)


def test_settings_are_heeded(trained, fitted):
    settings = {"calibrate": False, "outlier_coverage": 0.5}
    config = trained.job.config.model_copy(update=settings)
    found = fit(trained.classifier, conftest.without(trained.job, config=config))
    assert (found.temperature, found.coverage) == (1.0, 0.5)
    assert "calibrate" in found.note
    assert found.detector.threshold < fitted.detector.threshold
    np.testing.assert_array_equal(found.detector.directions, fitted.detector.directions)


def emptied(job: phases.Job, tmp_path) -> phases.Job:
    files = conftest.write(tmp_path / "none", *(part[:0] for part in conftest.images(1)))
    counts = {**job.spec.counts, "eval": 0}
    return conftest.without(
        job, eval_files=files, spec=dataclasses.replace(job.spec, counts=counts)
    )


def test_without_eval_images_nothing_is_scaled_and_nothing_an_outlier(trained, tmp_path):
    found = fit(trained.classifier, emptied(trained.job, tmp_path))
    assert (found.temperature, found.detector.threshold) == (1.0, math.inf)
    assert found.detector.directions.shape[0] == conftest.CLASSES
