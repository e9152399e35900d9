"""An interrupted training resumes, and ends with the results of an uninterrupted one."""

import numpy as np
import pytest

from components.trainer import config
from components.trainer.loop import callbacks, checkpoint, phases
from data.augment import augment_config
from tests.components.trainer import conftest


class KilledError(BaseException):
    """Not an Exception: nothing on its way may catch it."""


@pytest.fixture
def break_off(monkeypatch):
    """Breaks training off after so many batches in all, saved or not."""

    def after(batches: int) -> None:
        left = batches

        class Breaking(callbacks.Checkpoints):
            def on_train_batch_end(self, batch, logs=None):
                super().on_train_batch_end(batch, logs)
                nonlocal left
                left -= 1
                if left < 0:
                    raise KilledError

        monkeypatch.setattr(callbacks, "Checkpoints", Breaking)

    return after


SETTINGS = {
    "head_epochs": 2,
    "batch_size": 16,
    "fine_tune_epochs": 2,
    "averaging_epochs": 0.5,
    "balance": "sampling",
    "mix": augment_config.MixConfig(mixup_alpha=0.2),
    "dropout": 0.5,
    "keep": "last",
}
WAYS = {
    "cached": conftest.views(2),
    "pixels": conftest.views(0),
    "in the model": {"where": "model", "cache": config.CacheConfig()},
    "from scratch": {"weights": "random", "scratch_epochs": 3, "cache": config.CacheConfig()},
}
# Four trainings each.
QUICK = [("cached", 0.0)]


@pytest.mark.parametrize(
    ("way", "interval_s"),
    [
        pytest.param(way, seconds, marks=() if (way, seconds) in QUICK else pytest.mark.landing)
        for way, seconds in [*((way, 0.0) for way in WAYS), ("cached", 1000.0)]
    ],
)
def test_it_ends_with_the_same_weights(make_job, break_off, monkeypatch, way, interval_s):
    settings = {**SETTINGS, **WAYS[way], "checkpoint_interval_s": interval_s}
    where = settings.pop("where", "data")
    job = make_job(conftest.CHANGES.model_copy(update={"where": where}), **settings)
    whole, history = phases.train(job)
    job.forget()
    assert not list(job.checkpoint_dir.rglob("*.npz"))
    breaks = 0
    for batches in (1, 4):
        break_off(batches)
        try:
            phases.train(job)
        except KilledError:
            breaks += 1
        monkeypatch.undo()
    assert breaks == 2
    resumed, again = phases.train(job)
    conftest.weights_equal(resumed, whole)
    for phase, metrics in history.phases.items():
        for name in ("loss", "accuracy", "val_loss", "learning_rate"):
            np.testing.assert_allclose(again.phases[phase][name], metrics[name], rtol=1e-6)


def test_what_is_done_is_not_done_again(make_job, break_off):
    """Killed while the model is exported, the next run takes the weights from the state."""
    job = make_job(**SETTINGS)
    whole, _ = phases.train(job)
    break_off(0)
    conftest.weights_equal(phases.train(job)[0], whole)


def test_another_training_does_not_go_on_with_it(make_job):
    job = make_job(**SETTINGS)
    assert conftest.without(job, seed=1).identity() != job.identity()
    assert conftest.without(job, code="other").identity() != job.identity()
    other = make_job(**{**SETTINGS, "dropout": 0.1})
    assert other.identity() != job.identity()
    assert make_job(**SETTINGS).identity() == job.identity()


@pytest.mark.landing
def test_a_torn_checkpoint_starts_the_phase_anew(make_job, break_off, monkeypatch):
    job = make_job(**SETTINGS)
    whole, _ = phases.train(job)
    job.forget()
    break_off(4)
    with pytest.raises(KilledError):
        phases.train(job)
    monkeypatch.undo()
    for path in job.checkpoint_dir.rglob("*.npz"):
        path.write_bytes(path.read_bytes()[:100])
    resumed, _ = phases.train(job)
    conftest.weights_equal(resumed, whole)


def test_a_position_survives_its_file(tmp_path):
    saved = checkpoint.Checkpoint(tmp_path / "a" / "head.npz")
    assert saved.load() is None
    position = checkpoint.Position(3, 2, False, {"loss": [0.5, 0.25]})
    saved.save(position, {"model": [np.eye(2)], "best": []})
    loaded, groups = saved.load()
    assert loaded == position
    np.testing.assert_array_equal(groups["model"][0], np.eye(2))
    assert checkpoint.Checkpoint(None).load() is None
