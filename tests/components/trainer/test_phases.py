import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer import losses, model, phases
from tests.components.trainer import conftest


def test_both_phases_run_and_learn(trained):
    history = trained.history
    assert set(history.phases) == {"head", "fine_tune"}
    assert history.best_accuracy() >= 0.9
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} <= set(history.phases["head"])


def test_the_kept_weights_are_the_best_of_both_phases(trained):
    classifier = trained.classifier
    loss = losses.SmoothedCrossentropy(conftest.SETTINGS.label_smoothing)
    classifier.compile(loss=loss, metrics=["accuracy"], jit_compile=False)
    measured = np.ravel(classifier.evaluate(conftest.batches().evaluation, verbose=0))[0]
    best = min(trained.history.best_loss("head"), trained.history.best_loss("fine_tune"))
    assert measured == pytest.approx(best, rel=1e-4)


def test_fine_tuning_moves_the_top_blocks_and_nothing_below(trained):
    keras.utils.set_random_seed(0)
    fresh = model.build(conftest.SETTINGS, conftest.SIZE, conftest.CLASSES)
    moved = set()
    for layer, old in zip(
        trained.classifier.get_layer(model.BACKBONE_LAYER).layers,
        fresh.get_layer(model.BACKBONE_LAYER).layers,
        strict=True,
    ):
        pairs = zip(layer.get_weights(), old.get_weights(), strict=True)
        if any((one != other).any() for one, other in pairs):
            moved.add(layer.name.split("_")[0])
    assert moved == (
        {"block14", "block15", "head"} if trained.history.kept == "fine_tune" else set()
    )


def test_a_harmful_second_phase_is_undone(tmp_path):
    keras.utils.set_random_seed(0)
    settings = conftest.SETTINGS.model_copy(update={"fine_tune_learning_rate": 50.0})
    classifier = model.build(settings, conftest.SIZE, conftest.CLASSES)
    history = phases.train(classifier, conftest.batches(), settings, tmp_path)
    assert history.kept == "head"
    loss = losses.SmoothedCrossentropy(settings.label_smoothing)
    classifier.compile(loss=loss, jit_compile=False)
    measured = np.ravel(classifier.evaluate(conftest.batches().evaluation, verbose=0))[0]
    assert measured == pytest.approx(history.best_loss("head"), rel=1e-4)


def test_training_repeats_bit_for_bit(trained, tmp_path):
    again = conftest.train(tmp_path)
    for one, other in zip(
        trained.classifier.get_weights(), again.classifier.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_tensorboard_logs_are_written(trained):
    for phase in ("head", "fine_tune"):
        assert list((trained.log_dir / phase).rglob("events.out.tfevents.*"))


def test_no_second_phase(tmp_path):
    settings = conftest.SETTINGS.model_copy(update={"fine_tune_epochs": 0, "head_epochs": 1})
    classifier = model.build(settings, conftest.SIZE, conftest.CLASSES)
    history = phases.train(classifier, conftest.batches(), settings, tmp_path)
    assert (set(history.phases), history.kept) == ({"head"}, "head")


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_equals_a_plain_one(smoothing):
    logits = np.array([[2.0, 0.5, -1.0], [0.0, 0.0, 3.0]], np.float32)
    label_ids = np.array([0, 1])
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = np.eye(3)[label_ids] * (1 - smoothing) + smoothing / 3
    expected = -(targets * np.log(shares)).sum(axis=1).mean()
    loss = losses.SmoothedCrossentropy(smoothing)
    assert float(loss(label_ids, logits)) == pytest.approx(expected, rel=1e-5)
    assert float(loss(label_ids[:, None], logits)) == pytest.approx(expected, rel=1e-5)
    again = losses.SmoothedCrossentropy.from_config(loss.get_config())
    assert float(again(label_ids, tf.constant(logits))) == pytest.approx(expected, rel=1e-5)
