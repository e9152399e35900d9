"""Runs a trial: training with other settings, evaluated on the eval split.

Trials of the head alone are in module ``head_trials``.
"""

import dataclasses
import math
from pathlib import Path
from typing import NamedTuple, Protocol

from components.trainer import config as train_config
from components.trainer.loop import evaluation, phases, training_job
from data.augment import augment_config
from data.examples import dataset


class Outcome(NamedTuple):
    """Result of a trial, for the weights that it kept.

    Attributes:
      loss: on the eval split, without label smoothing.
      score: on the eval split, in 0–1.
      epochs: number of epochs trained, in all phases.
    """

    loss: float
    score: float
    epochs: int


class Trials(Protocol):
    """Runs trials, one after another."""

    def run(
        self,
        config: train_config.TrainConfig,
        changes: augment_config.AugmentConfig,
        folder: Path,
    ) -> Outcome:
        """Trains in the trial's ``folder``. The same settings give the same outcome."""


class WholeTrials:
    """Trials of all settings: each runs the training of Trainer.

    Args:
      job: what is trained.
    """

    def __init__(self, job: training_job.Job) -> None:
        self._job = job

    def run(
        self,
        config: train_config.TrainConfig,
        changes: augment_config.AugmentConfig,
        folder: Path,
    ) -> Outcome:
        """See Trials; a killed trial resumes."""
        job = dataclasses.replace(
            self._job,
            config=config,
            changes=changes,
            log_dir=folder / "tensorboard",
            checkpoint_dir=folder / "unfinished",
        )
        classifier, history = phases.train(job)
        job.forget()
        spec, count = job.spec, job.spec.counts["eval"]
        batches = dataset.evaluation_batches(
            job.eval_files, count, spec.size_px, config.batch_size, job.annotation
        )
        loss = job.loss(label_smoothing=0.0)
        evaluated = evaluation.Evaluator(classifier, job.head, loss).evaluate(batches)
        epochs = sum(len(metrics["val_loss"]) for metrics in history.phases.values())
        return Outcome(evaluated.loss, evaluated.score, epochs)


def bounded(loss: float, guessing_loss: float) -> float:
    """Limits a loss for the search to at most twice that of guessing.

    Args:
      loss: one that is not finite becomes the limit.
      guessing_loss: see tasks.facets.training.Head.
    """
    worst = 2 * guessing_loss
    return min(loss, worst) if math.isfinite(loss) else worst
