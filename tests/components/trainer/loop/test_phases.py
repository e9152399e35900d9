import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator

from components.trainer.features import cache
from components.trainer.loop import evaluation, head_start, phases, training_job
from components.trainer.network import cut, model
from data.augment import augment_config
from tasks import convex_head, linear_head
from tests.components.trainer import conftest
from tests.data import changes

pytestmark = pytest.mark.xdist_group("trained")


def evaluated(classifier: keras.Model, seed: int = 1) -> evaluation.Evaluation:
    dataset = tf.data.Dataset.from_tensor_slices(conftest.images(seed)).batch(16)
    loss = conftest.HEAD.loss(conftest.SETTINGS.label_smoothing)
    return evaluation.Evaluator(classifier, conftest.HEAD, loss).evaluate(dataset)


def fresh(job: training_job.Job) -> keras.Model:
    return model.build(job.config, conftest.SPEC)


def test_both_phases_run_and_learn(trained):
    history = trained.history
    assert set(history.phases) == {"head", "fine_tune"}
    assert history.best_score() >= 0.9
    for metrics in history.phases.values():
        assert {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"} <= set(metrics)
    assert history.cache == "2 views: set by cache.views"


def test_the_kept_weights_are_the_best_of_both_phases(trained):
    """The whole classifier on pixels does what its upper part did on cached features."""
    history = trained.history
    kept = history.best_loss(history.kept)
    assert evaluated(trained.classifier).loss == pytest.approx(kept, rel=2e-3)
    least = min(min(metrics["val_loss"]) for metrics in history.phases.values())
    assert kept == least or (history.kept, history.epochs["fine_tune"]) == ("fine_tune", 1)


@pytest.mark.parametrize("number", [0, pytest.param(2, marks=pytest.mark.landing)])
def test_batch_norm_statistics_are_bit_identical_after_both_phases(make_job, number):
    settings = {"head_epochs": 1, "fine_tune_epochs": 1, "keep": "last"}
    job = make_job(unfreeze_blocks=2, **settings, **conftest.views(number))
    classifier, _ = phases.train(job)
    before, after = conftest.statistics(fresh(job)), conftest.statistics(classifier)
    for before_one, after_one in zip(before, after, strict=True):
        np.testing.assert_array_equal(before_one, after_one)


@pytest.mark.parametrize("number", [pytest.param(0, marks=pytest.mark.landing), 2])
def test_fine_tuning_moves_the_top_blocks_and_nothing_below(make_job, number):
    settings = {"head_epochs": 1, "fine_tune_epochs": 1, "keep": "last", **conftest.views(number)}
    job = make_job(**settings)
    classifier, history = phases.train(job)
    assert history.kept == "fine_tune"
    moved = set()
    pairs = zip(
        classifier.get_layer(model.BACKBONE_LAYER).layers,
        fresh(job).get_layer(model.BACKBONE_LAYER).layers,
        strict=True,
    )
    for layer, old in pairs:
        values = zip(layer.get_weights(), old.get_weights(), strict=True)
        if any((one != other).any() for one, other in values):
            moved.add(layer.name)
    assert moved == {"block3_conv1"}


def test_the_second_phase_begins_with_a_softened_head(make_job):
    settings = {"head_start": "solved", "keep": "last", **conftest.views(1)}
    layers = []
    for epochs in (0, 1):
        job = make_job(fine_tune_epochs=epochs, fine_tune_learning_rate=1e-12, **settings)
        classifier, _ = phases.train(job)
        layers.append(classifier.get_layer(linear_head.LOGITS_LAYER).get_weights())
    for solved, tuned in zip(*layers, strict=True):
        assert np.abs(solved).max() > 0.01
        # Embeddings are computed in one piece, or from activations in float16.
        room = 0.1 * np.abs(solved).max()
        np.testing.assert_allclose(tuned, head_start.SOFTENED * solved, rtol=0, atol=room)


def test_a_harmful_second_phase_is_undone(make_job):
    classifier, history = phases.train(make_job(fine_tune_learning_rate=50.0))
    assert history.kept == "head"
    assert evaluated(classifier).loss == pytest.approx(history.best_loss("head"), rel=2e-3)


def test_training_repeats_bit_for_bit(trained, make_job):
    classifier, history = phases.train(make_job())
    conftest.weights_equal(classifier, trained.classifier)
    assert history.phases["head"]["val_loss"] == trained.history.phases["head"]["val_loss"]


def test_a_second_training_computes_no_features(trained, tmp_path, monkeypatch):
    def forbidden(*_):
        raise AssertionError("computed again")

    trained.job.forget()
    monkeypatch.setattr(cache.engine, "compile_for", forbidden)
    classifier, _ = phases.train(conftest.without(trained.job, log_dir=tmp_path))
    conftest.weights_equal(classifier, trained.classifier)


@pytest.mark.landing
def test_cached_and_uncached_agree_on_identical_views(make_job):
    """Without changes all views are the image itself: both paths see the same."""
    # One batch an epoch: shuffling in two ways then makes no difference. No dropout.
    settings = {"batch_size": 64, "dropout": 0.0, "head_epochs": 4, "keep": "last"}
    pixels, _ = conftest.images(2)
    logits = [
        phases.train(make_job(changes.NOTHING, **settings, **conftest.views(number)))[0](
            pixels
        ).numpy()
        for number in (0, 3)
    ]
    np.testing.assert_allclose(*[tf.nn.softmax(one) for one in logits], atol=5e-3)
    np.testing.assert_array_equal(logits[0].argmax(1), logits[1].argmax(1))


def test_the_parts_are_the_whole(trained):
    """Pixels through the lower part and then the upper one give the classifier's logits."""
    pixels, _ = conftest.images(3, 8)
    boundary = cut.boundary("cnn", 1)
    lower = cut.lower(trained.classifier, "cnn", boundary)
    activations = lower(pixels, training=False)
    whole = trained.classifier(pixels, training=False)
    upper = cut.upper(trained.classifier, boundary, conftest.HEAD)
    np.testing.assert_allclose(upper(activations, training=False), whole, atol=1e-5)
    embedding = cut.upper_embedder(trained.classifier, boundary)(activations, training=False)
    embedder = cut.embedder(trained.classifier, "cnn")
    np.testing.assert_allclose(embedding, embedder(pixels, training=False), atol=1e-5)
    head = cut.head(trained.classifier, conftest.HEAD)
    np.testing.assert_allclose(head(embedding, training=False), whole, atol=1e-5)


def test_tensorboard_has_both_phases_on_one_axis(trained):
    folder = trained.job.log_dir
    logged = {}
    for split in ("train", "eval"):
        events = event_accumulator.EventAccumulator(
            str(folder / split), {"tensors": 0, "images": 0}
        )
        events.Reload()
        logged[split] = events
    epochs = sum(len(metrics["loss"]) for metrics in trained.history.phases.values())
    for split, names in {
        "train": ("loss", "accuracy", "learning_rate", "images_per_s"),
        "eval": ("loss", "accuracy", "confusion matrix"),
    }.items():
        for name in names:
            steps = [event.step for event in logged[split].Tensors(name)]
            assert steps == list(range(epochs)), name
    samples = logged["train"].Tensors("augmented samples")[0].tensor_proto.string_val
    assert len(samples) == 2 + 16  # width, height, and the pictures


def test_no_second_phase(make_job):
    job = make_job(fine_tune_epochs=0, head_epochs=1)
    _, history = phases.train(job)
    assert (set(history.phases), history.kept) == ({"head"}, "head")


@pytest.mark.landing
def test_random_weights_train_everything_at_once(make_job):
    settings = {"weights": "random", "scratch_epochs": 8, **conftest.views(0)}
    classifier, history = phases.train(make_job(**settings, scratch_learning_rate=1e-2))
    assert set(history.phases) == {"scratch"}
    assert history.best_score() >= 0.9
    assert evaluated(classifier).loss == pytest.approx(history.best_loss("scratch"), rel=1e-3)


# What the session's training has not; the other pairs of the two are dear.
PAIRS = [("adam", "plateau"), ("sgd", "constant")]


@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [
        pytest.param(*pair, marks=() if pair in PAIRS else pytest.mark.landing)
        for pair in itertools.product(("adam", "sgd", "adamw"), ("plateau", "constant", "cosine"))
    ],
)
def test_every_optimizer_and_schedule(make_job, optimizer, schedule):
    settings = {"optimizer": optimizer, "schedule": schedule, "fine_tune_epochs": 1}
    _, history = phases.train(make_job(**settings, averaging_epochs=0.5, layer_decay=0.8))
    assert history.best_loss("head") < 0.75


def test_training_goes_on_from_its_own_weights_not_from_their_average(make_job):
    settings = {"head_start": "random", "head_epochs": 3, "fine_tune_epochs": 0, "keep": "last"}
    (plain, own), (averaged, mean) = (
        phases.train(make_job(**settings, **conftest.views(1), averaging_epochs=horizon))
        for horizon in (0, 1.0)
    )
    losses = [history.phases["head"] for history in (own, mean)]
    assert losses[0]["loss"] == pytest.approx(losses[1]["loss"], rel=1e-4)
    assert losses[0]["val_loss"] != pytest.approx(losses[1]["val_loss"], rel=1e-3)
    kept = [one.get_layer("logits").kernel.numpy() for one in (plain, averaged)]
    assert np.abs(kept[0] - kept[1]).max() > 1e-3


@pytest.mark.parametrize(
    ("balance", "number"),
    [
        # Sampling and mixing are part of what test_resuming.py trains.
        ("weights", 1),
        pytest.param("sampling", 0, marks=pytest.mark.landing),
        pytest.param("weights", 0, marks=pytest.mark.landing),
        pytest.param("sampling", 1, marks=pytest.mark.landing),
    ],
)
def test_balance(make_job, balance, number):
    settings = {"balance": balance, "fine_tune_epochs": 0, **conftest.views(number)}
    _, history = phases.train(make_job(**settings))
    assert history.best_score() >= 0.9


@pytest.mark.landing
@pytest.mark.parametrize("number", [0, 1])
def test_mixing(make_job, number):
    mix = augment_config.MixConfig(mixup_alpha=0.2, cutmix_alpha=1.0 if number == 0 else 0.0)
    _, history = phases.train(make_job(mix=mix, fine_tune_epochs=1, **conftest.views(number)))
    assert history.best_score() >= 0.9


def test_augmentation_in_the_model(make_job):
    changes = conftest.CHANGES.model_copy(update={"where": "model"})
    settings = {"fine_tune_epochs": 1, "cache": conftest.config.CacheConfig()}
    job = make_job(changes, **settings)
    classifier, history = phases.train(job)
    assert history.cache == "no feature cache: augmentation is in the model"
    assert history.best_score() >= 0.9
    assert [layer.name for layer in classifier.layers] == [
        layer.name for layer in fresh(job).layers
    ]


def test_patience(make_job):
    settings = {"head_epochs": 30, "fine_tune_epochs": 0, "head_learning_rate": 1e-9}
    _, history = phases.train(make_job(**settings, early_stopping_patience=2))
    assert len(history.phases["head"]["loss"]) < 30
    settings["head_epochs"] = 5
    _, history = phases.train(make_job(**settings, early_stopping_patience=0))
    assert len(history.phases["head"]["loss"]) == 5


SOLVED = {"head_start": "solved", "fine_tune_epochs": 0}


@pytest.mark.parametrize("number", [2, pytest.param(0, marks=pytest.mark.landing)])
def test_a_solved_head_takes_no_steps(make_job, number):
    classifier, history = phases.train(make_job(**SOLVED, **conftest.views(number)))
    # An epoch for each view.
    assert [len(values) for values in history.phases["head"].values()] == [max(1, number)] * 6
    assert history.best_score() >= 0.95
    assert history.phases["head"]["accuracy"][-1] == pytest.approx(1.0, abs=0.05)
    assert evaluated(classifier).loss == pytest.approx(history.best_loss("head"), rel=2e-3)


def test_a_solved_head_is_solved_again_alike_and_not_twice(make_job, monkeypatch):
    job = make_job(**SOLVED)
    one, _ = phases.train(job)
    conftest.weights_equal(phases.train(conftest.without(job, seed=0, code="other"))[0], one)
    monkeypatch.setattr(convex_head.Problem, "solve", None)
    conftest.weights_equal(phases.train(job)[0], one)


@pytest.mark.landing
def test_heads_solved_with_and_without_a_cache_agree(make_job):
    pixels, _ = conftest.images(2)
    outputs = [
        phases.train(make_job(changes.NOTHING, **SOLVED, **conftest.views(number)))[0](pixels)
        for number in (0, 3)
    ]
    np.testing.assert_allclose(*[tf.nn.softmax(one) for one in outputs], atol=5e-3)


def test_mixed_images_are_not_solved_for(make_job):
    mix = augment_config.MixConfig(mixup_alpha=0.2)
    _, history = phases.train(make_job(**SOLVED, mix=mix, head_epochs=2))
    assert len(history.phases["head"]["loss"]) == 2
