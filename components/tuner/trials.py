"""Runs a trial: training with other settings, evaluated on the eval split.

Trials of the head alone are in module ``heads``. Dimension letter: K classes.
"""

import dataclasses
import math
from pathlib import Path
from typing import NamedTuple, Protocol

from components.trainer import config as train_config
from components.trainer.loop import evaluation, losses, phases, training_job
from data.augment import augment_config
from data.examples import dataset


class Outcome(NamedTuple):
    """Result of a trial, for the weights that it kept.

    Attributes:
      loss: cross-entropy on the eval split in nats, without label smoothing.
      accuracy: on the eval split, in 0–1.
      epochs: number of epochs trained, in all phases.
    """

    loss: float
    accuracy: float
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
        weights = job.class_factors() if config.balance == "weights" else ()
        batches = dataset.evaluation_batches(
            job.eval_files, job.spec.counts["eval"], job.spec.size_px, config.batch_size
        )
        loss = losses.SmoothedCrossentropy(0.0, weights)
        evaluated = evaluation.Evaluator(classifier, loss).evaluate(batches)
        epochs = sum(len(metrics["val_loss"]) for metrics in history.phases.values())
        return Outcome(evaluated.loss, evaluated.accuracy, epochs)


def bounded(loss: float, class_count: int) -> float:
    """Limits a loss for the search to at most twice that of guessing, log K.

    Args:
      loss: in nats; one that is not finite becomes the limit.
      class_count: K.
    """
    worst = 2 * math.log(max(2, class_count))
    return min(loss, worst) if math.isfinite(loss) else worst
