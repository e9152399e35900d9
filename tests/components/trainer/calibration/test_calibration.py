import dataclasses
import math

import keras
import numpy as np
import pytest
from scipy import special

from components.trainer.calibration import calibration, outputs
from components.trainer.loop import phases, training_job
from components.trainer.network import model
from data import progress
from data.examples import dataset
from tasks.classification import calibration as temperature
from tasks.classification.figures import reliability
from tests.components.trainer import conftest
from tests.tasks.classification import made

pytestmark = pytest.mark.xdist_group("trained")


def error(logits: np.ndarray, label_ids: np.ndarray, temperature: float) -> float:
    found = made.predicted(special.softmax(logits / temperature, axis=1), label_ids)
    return reliability.expected_calibration_error(found)


def test_images_are_chosen_evenly_from_every_class(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_IMAGES", 80)
    label_ids = np.repeat([0, 1], [1000, 7])
    chosen = calibration.choose(label_ids, conftest.ANNOTATION)
    assert np.bincount(label_ids[chosen]).tolist() == [40, 7]
    assert np.diff(np.flatnonzero(chosen)[:40]).max() <= 26


@pytest.fixture(scope="module")
def fitted(trained):
    heard = []
    with progress.listening(lambda task: heard.append((task.name, task.done, task.total))):
        found = calibration.fit(trained.classifier, trained.job)
    assert heard[-1] == (calibration.TASK, 2 * conftest.COUNT, 2 * conftest.COUNT)
    return found


def logits_of(trained, files) -> tuple[np.ndarray, np.ndarray]:
    batches = dataset.evaluation_batches(
        files, conftest.COUNT, conftest.SIZE, conftest.COUNT, conftest.ANNOTATION
    )
    pixels, label_ids = next(iter(batches))
    return trained.classifier(pixels, training=False).numpy(), label_ids.numpy()


def test_a_real_training_says_more_rightly_how_sure_it_is(trained, fitted, tmp_path):
    on_eval = logits_of(trained, trained.job.eval_files)
    assert fitted.answers.temperature != 1.0
    before = temperature.log_loss(*on_eval)
    assert temperature.log_loss(*on_eval, fitted.answers.temperature) < before
    assert f"{before:.4f}" in fitted.answers.note
    on_test = logits_of(trained, conftest.write(tmp_path / "test", *conftest.images(7)))
    assert temperature.log_loss(*on_test, fitted.answers.temperature) < temperature.log_loss(
        *on_test
    )
    assert error(*on_test, fitted.answers.temperature) <= error(*on_test, 1.0)


def test_settings_are_heeded(trained, fitted):
    settings = {"calibrate": False, "outlier_coverage": 0.5}
    config = trained.job.config.model_copy(update=settings)
    found = calibration.fit(trained.classifier, conftest.without(trained.job, config=config))
    assert (found.answers.temperature, found.coverage) == (1.0, 0.5)
    assert "calibrate" in found.answers.note
    assert found.detector.threshold < fitted.detector.threshold
    np.testing.assert_array_equal(found.detector.directions, fitted.detector.directions)


def emptied(job: training_job.Job, tmp_path) -> training_job.Job:
    files = conftest.write(tmp_path / "none", *(part[:0] for part in conftest.images(1)))
    counts = {**job.spec.counts, "eval": 0}
    return conftest.without(
        job, eval_files=files, spec=dataclasses.replace(job.spec, counts=counts)
    )


def test_without_eval_images_nothing_is_scaled_and_nothing_an_outlier(trained, tmp_path):
    found = calibration.fit(trained.classifier, emptied(trained.job, tmp_path))
    assert (found.answers.temperature, found.detector.threshold) == (1.0, math.inf)
    assert found.detector.directions.shape[0] == conftest.CLASSES


def naive(classifier: keras.Model, job: training_job.Job) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and logits of the eval split, by the whole classifier in one go."""
    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
    both = keras.Model(classifier.input, [embedding, classifier.output])
    batches = eval_batches(job)
    return tuple(value.numpy() for value in both(next(iter(batches))[0], training=False))


def eval_batches(job: training_job.Job):
    return dataset.evaluation_batches(
        job.eval_files, conftest.COUNT, conftest.SIZE, conftest.COUNT, conftest.ANNOTATION
    )


def run_all(
    classifier: keras.Model, job: training_job.Job
) -> tuple[outputs.Outputs, np.ndarray, ...]:
    """All the eval split by Outputs; what ran, embeddings, logits."""
    source = outputs.kept(job, classifier)
    running = outputs.Outputs(classifier, job.head, job.config.backbone, conftest.COUNT, source)
    ((embeddings, logits, _),) = running.of(eval_batches(job))
    return running, embeddings, logits


def test_the_layers_below_the_cut_do_not_run_again(trained):
    running, embeddings, logits = run_all(trained.classifier, trained.job)
    assert (running.read_count, running.computed_count) == (conftest.COUNT, 0)
    expected_embeddings, expected_logits = naive(trained.classifier, trained.job)
    np.testing.assert_allclose(embeddings, expected_embeddings, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(logits, expected_logits, rtol=2e-3, atol=2e-3)


def test_what_the_cache_holds_gives_the_same_fit(trained, fitted):
    off = conftest.without(
        trained.job, config=trained.job.config.model_copy(update=conftest.views(0))
    )
    assert outputs.kept(off, trained.classifier) is None
    whole = calibration.fit(trained.classifier, off)
    assert fitted.answers.temperature == pytest.approx(whole.answers.temperature, abs=1e-3)
    assert fitted.detector.threshold == pytest.approx(whole.detector.threshold, abs=1e-5)
    np.testing.assert_allclose(fitted.detector.directions, whole.detector.directions, atol=1e-4)


def test_features_of_weights_that_were_trained_since_are_not_read(trained):
    changed = keras.models.clone_model(trained.classifier)
    weights = trained.classifier.get_weights()
    changed.set_weights([weights[0] * 1.5, *weights[1:]])
    running, embeddings, logits = run_all(changed, trained.job)
    assert (running.read_count, running.computed_count) == (0, conftest.COUNT)
    expected_embeddings, expected_logits = naive(changed, trained.job)
    np.testing.assert_allclose(embeddings, expected_embeddings, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [{"weights": "random"}, {"unfreeze_blocks": 99}, {"mixed_precision": "bfloat16"}],
    ids=str,
)
def test_a_training_that_left_no_such_features_is_asked_as_a_whole(trained, settings):
    job = conftest.without(trained.job, config=trained.job.config.model_copy(update=settings))
    running, _, _ = run_all(trained.classifier, job)
    assert (running.read_count, running.computed_count) == (0, conftest.COUNT)


def test_without_fine_tuning_the_embeddings_are_read(make_job):
    job = make_job(fine_tune_epochs=0, head_epochs=1)
    classifier, _ = phases.train(job)
    running, _, logits = run_all(classifier, job)
    assert (running.read_count, running.computed_count) == (conftest.COUNT, 0)
    np.testing.assert_allclose(logits, naive(classifier, job)[1], rtol=2e-3, atol=2e-3)
