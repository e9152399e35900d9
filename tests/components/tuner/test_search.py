import json
from pathlib import Path

import keras_tuner
import numpy as np
import pytest

from components.trainer import hyperparameters as found
from components.trainer.features import cache
from components.trainer.loop import phases, training_job
from components.tuner import config, head_trials, search, space, trials
from data import errors, progress
from data.augment import augment_config
from tests.components.trainer import conftest

# scikit-learn warns of kernels at their bounds: with three points that is no wonder.
pytestmark = pytest.mark.filterwarnings("ignore")
QUICK = {"head_epochs": 2, "fine_tune_epochs": 0}


def tune(**settings) -> config.TuneConfig:
    quick = {"trials": 4, "augment_strength": [0.5, 1.0]}
    return config.TuneConfig(**{**quick, **settings})


def run(job: training_job.Job, folder: Path, **settings) -> search.Search:
    searching = search.build(job, tune(**settings), folder / "state", folder / "results")
    searching.search_space_summary()
    searching.search()
    searching.results_summary()
    return searching


def summary(folder: Path) -> dict:
    return json.loads((folder / "results" / search.SUMMARY_FILE).read_text())


def settings_and_losses(folder: Path) -> list[tuple[dict, float]]:
    return [(row["settings"], row["eval_loss"]) for row in summary(folder)["trials"]]


class Formula:
    """In the place of HeadTrials: best at a rate of 0.003 and little dropout."""

    def __init__(self, *_arguments):
        self.ran = []

    def run(self, train, changes, _folder) -> trials.Outcome:
        self.ran.append((train, changes))
        loss = abs(np.log10(train.head_learning_rate / 3e-3)) + 0.3 * train.dropout
        return trials.Outcome(0.1 * loss, 1 - 0.1 * loss, train.head_epochs)


@pytest.fixture
def formula(monkeypatch) -> Formula:
    made = Formula()
    monkeypatch.setattr(head_trials, "HeadTrials", lambda *_: made)
    return made


@pytest.mark.parametrize(("method", "count"), [("random", 5), ("bayesian", 5), ("hyperband", 12)])
def test_every_method_searches_and_repeats(make_job, tmp_path, formula, method, count):
    for name in ("one", "two"):
        run(make_job(head_epochs=9), tmp_path / name, method=method, trials=count)
    rows = summary(tmp_path / "one")["trials"]
    assert len(rows) == count
    assert [row["eval_loss"] for row in rows] == sorted(row["eval_loss"] for row in rows)
    assert set(rows[0]["settings"]) == set(config.OF_THE_HEAD)
    assert settings_and_losses(tmp_path / "one") == settings_and_losses(tmp_path / "two")
    epochs = {train.head_epochs for train, _ in formula.ran}
    assert epochs == ({1, 3, 9} if method == "hyperband" else {9})
    assert not list((tmp_path / "one" / "state").iterdir())


def test_another_seed_searches_elsewhere(make_job, tmp_path, formula):
    for seed in (0, 1):
        job = conftest.without(make_job(), seed=seed)
        run(job, tmp_path / str(seed), method="random", trials=3)
    assert settings_and_losses(tmp_path / "0") != settings_and_losses(tmp_path / "1")


@pytest.mark.landing
def test_real_trials_repeat(make_job, tmp_path):
    for name in ("one", "two"):
        run(make_job(**QUICK), tmp_path / name, trials=2)
    assert settings_and_losses(tmp_path / "one") == settings_and_losses(tmp_path / "two")


def test_the_first_trial_is_of_the_settings_as_they_are(make_job, tmp_path, formula):
    job = make_job(head_learning_rate=3e-3)
    searching = run(job, tmp_path, method="random", trials=1)
    (best,) = searching.get_best_hyperparameters()
    train, changes = found.apply(job.config, job.changes, best.get_config())
    assert (train, changes) == (job.config, job.changes)


def test_a_trial_of_the_head_is_what_trainer_would_train(make_job, tmp_path):
    """A trial has the same loss on the eval split as a training with its settings and one view."""
    job = make_job(**QUICK, dropout=0.0, label_smoothing=0.0, **conftest.views(1))
    outcome = head_trials.HeadTrials(job, 1, 1).run(job.config, job.changes, tmp_path)
    _, history = phases.train(job)
    assert outcome.loss == pytest.approx(history.best_loss("head"), rel=1e-6)
    assert outcome.score == history.best_score("head")


@pytest.mark.parametrize("fine_tune_epochs", [0, pytest.param(2, marks=pytest.mark.landing)])
def test_a_trial_computes_no_features_that_exist(make_job, tmp_path, monkeypatch, fine_tune_epochs):
    """Trainer's of the unchanged view serve the trials; no trial computes another's."""
    job = make_job(head_epochs=1, fine_tune_epochs=fine_tune_epochs, **conftest.views(1))
    phases.train(job)
    computed = []
    original = cache.Features._inputs

    def counted(features, split, view, missing):
        computed.append((features.views.changes if view else None, view, int(missing.sum())))
        return original(features, split, view, missing)

    monkeypatch.setattr(cache.Features, "_inputs", counted)
    tried = head_trials.HeadTrials(job, strengths=2, views=2)
    for _ in range(2):
        for strength in (1.0, 0.5):
            tried.run(job.config, job.changes.scaled(strength), tmp_path)
    levels = 2 if fine_tune_epochs else 1
    assert len(computed) == 2 * levels
    assert {view for _, view, _ in computed} == {1}
    again = head_trials.HeadTrials(job, strengths=2, views=2)
    again.run(job.config, job.changes, tmp_path)
    assert len(computed) == 2 * levels


def test_a_small_cache_takes_what_is_small(make_job, tmp_path):
    """Activations would leave no room for Trainer's."""
    cache_config = conftest.config.CacheConfig(views=2, max_gib=1e-3)
    job = make_job(head_epochs=1, cache=cache_config)
    head_trials.HeadTrials(job, 3, 2).run(job.config, job.changes, tmp_path)
    (folder,) = job.cache_dir.iterdir()
    assert folder.name.startswith("embedder-")


@pytest.mark.landing
def test_features_too_large_for_memory_give_the_same(make_job, tmp_path, monkeypatch):
    job = make_job(**QUICK)
    held = head_trials.HeadTrials(job, 1, 2).run(job.config, job.changes, tmp_path)
    monkeypatch.setattr(head_trials, "IN_MEMORY_BYTES", 0)
    streamed = head_trials.HeadTrials(job, 1, 2).run(job.config, job.changes, tmp_path)
    assert streamed.loss == pytest.approx(held.loss, rel=1e-6)
    assert streamed[1:] == held[1:]


def test_all_settings_are_searched_by_whole_trainings(make_job, tmp_path):
    job = make_job(head_epochs=2, fine_tune_epochs=1)
    run(job, tmp_path, method="random", trials=2, what="all", unfreeze_blocks=[1, 2])
    rows = summary(tmp_path)["trials"]
    assert len(rows) == 2
    assert set(rows[0]["settings"]) == {*config.OF_THE_HEAD, *config.OF_FINE_TUNING}
    assert rows[0]["epochs"] == 3


@pytest.mark.landing
def test_from_scratch(make_job, tmp_path):
    job = make_job(weights="random", scratch_epochs=1, **conftest.views(0))
    searching = run(job, tmp_path, method="random", trials=1, what="all")
    assert set(searching.get_best_hyperparameters()[0].values) == set(config.FROM_SCRATCH)


def test_a_killed_search_goes_on(make_job, tmp_path, formula, monkeypatch):
    run(make_job(), tmp_path / "whole", method="random")
    whole, formula.ran = formula.ran, []

    def killed(_train, _changes, _folder):
        if len(formula.ran) == 2:
            raise KeyboardInterrupt
        return Formula.run(formula, _train, _changes, _folder)

    monkeypatch.setattr(formula, "run", killed)
    with pytest.raises(KeyboardInterrupt):
        run(make_job(), tmp_path / "killed", method="random")
    monkeypatch.undo()
    monkeypatch.setattr(head_trials, "HeadTrials", lambda *_: formula)
    run(make_job(), tmp_path / "killed", method="random")
    assert formula.ran == whole
    assert settings_and_losses(tmp_path / "killed") == settings_and_losses(tmp_path / "whole")


def test_the_users_errors_come_through(make_job, tmp_path):
    job = make_job(**QUICK, weights="nowhere.weights.h5")
    with pytest.raises(keras_tuner.errors.FatalError) as caught:
        run(job, tmp_path)
    assert isinstance(caught.value.__cause__, errors.ConfigError)


def test_other_errors_end_the_search_where_no_trial_is_left(make_job, tmp_path, monkeypatch):
    def broken(*_):
        raise ValueError("out of order")

    monkeypatch.setattr(head_trials, "HeadTrials", broken)
    with pytest.raises(errors.PipelineError, match="ValueError: out of order"):
        run(make_job(), tmp_path, trials=2)


def test_progress_counts_trials_and_nothing_within_them(make_job, tmp_path):
    """But for the features, which take long."""
    heard = []

    def listen(task):
        heard.append((task.name, task.done, task.total, task.unit, task.note))

    with progress.listening(listen):
        run(make_job(**QUICK), tmp_path, method="random", trials=2)
    assert {name for name, *_ in heard} == {search.TASK, cache.TASK}
    name, done, total, unit, note = heard[-1]
    assert (name, done, total, unit) == (search.TASK, 2, 2, "trials")
    assert note.startswith("best eval loss ")


def test_the_summary_is_for_people(make_job, tmp_path, formula):
    run(make_job(), tmp_path, method="random", trials=2)
    written = summary(tmp_path)
    assert (written["method"], written["what"], written["failed"]) == ("random", "head", [])
    best = written["trials"][0]
    assert {"trial", "settings", "eval_loss", "eval_accuracy", "epochs", "seconds"} == set(best)
    assert best["eval_accuracy"] == pytest.approx(1 - best["eval_loss"], abs=1e-5)


@pytest.mark.landing
def test_the_objective_is_free_of_smoothing(make_job, tmp_path):
    """Against the definition, on the weights that a whole training kept."""
    job = make_job(head_epochs=2, fine_tune_epochs=1, label_smoothing=0.3)
    outcome = trials.WholeTrials(job).run(job.config, job.changes, tmp_path)
    classifier, _ = phases.train(job)
    pixels, label_ids = conftest.images(1)
    logits = np.asarray(classifier(pixels, training=False), np.float64)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    expected = -logs[np.arange(len(label_ids)), label_ids].mean()
    assert outcome.loss == pytest.approx(expected, rel=1e-4)
    assert outcome.score == (logits.argmax(1) == label_ids).mean()


def test_losses_are_bounded():
    guessing = conftest.HEAD.guessing_loss(4)
    assert trials.bounded(0.5, guessing) == 0.5
    worst = 2 * np.log(4)
    for loss in (float("nan"), float("inf"), 1e9):
        assert trials.bounded(loss, guessing) == pytest.approx(worst)


def test_hyperband_shortens_every_phase():
    train = conftest.SETTINGS.model_copy(update={"head_epochs": 9, "fine_tune_epochs": 4})
    shares = search.shortened(train, 3, 9)
    assert (shares.head_epochs, shares.fine_tune_epochs) == (3, 2)
    assert search.shortened(train, 9, 9) == train


def test_what_makes_no_difference_is_not_searched(make_job):
    still = augment_config.AugmentConfig(horizontal_flip=False).scaled(0)
    train = make_job(optimizer="sgd").config
    names = {one.name for one in space.build(tune(what="all"), train, still).space}
    assert names == {*config.OF_THE_HEAD, *config.OF_FINE_TUNING} - {
        "augment_strength",
        "layer_decay",
    }
    names = {one.name for one in space.build(tune(views=1), train, conftest.CHANGES).space}
    assert "augment_strength" not in names


def test_nothing_to_search():
    fixed = [0.1, 0.1]
    settings = {"label_smoothing": [0.1], "augment_strength": [1.0]}
    with pytest.raises(errors.ConfigError, match="leave nothing to search"):
        space.build(
            tune(head_learning_rate=fixed, dropout=fixed, **settings),
            conftest.SETTINGS,
            conftest.CHANGES,
        )
