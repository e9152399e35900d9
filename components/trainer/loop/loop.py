"""Runs one phase of training, epoch by epoch, resumable at any step."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import keras
import numpy as np

from components.trainer import config as train_config
from components.trainer import devices, ranking
from components.trainer.loop import callbacks, checkpoint, evaluation, optimizers, phase_names
from components.trainer.loop.sources import Source
from tasks.facets.training import Head

# Sets the weights of an epoch at once, and returns the metrics of the training images.
Start = Callable[[int], Mapping[str, float]]


@dataclass(frozen=True)
class Phase:
    """Description of a phase.

    Attributes:
      name: one of the three names.
      epochs: maximum number of epochs.
      learning_rate: highest learning rate.
      factors: of the rate, one for each trainable variable; empty: all 1.
      steps_per_execution: number of steps in a call into TensorFlow.
      patience: epochs without a better one before it stops, 0: never; None: as set.
    """

    name: phase_names.PhaseName
    epochs: int
    learning_rate: float
    factors: Sequence[float] = ()
    steps_per_execution: int = 1
    patience: int | None = None


@dataclass(frozen=True)
class EpochEnd:
    """Report after an epoch: the phase, its metrics so far, and the tally of the eval split."""

    phase: Phase
    metrics: dict[str, list[float]]
    tally: np.ndarray
    model: keras.Model


class Loop:
    """Runs a phase; at the end the model has the weights to keep.

    Args:
      phase: the phase to run.
      model: the part that trains, inputs [B, …] → outputs [B, …] of the head.
      head: its metrics and its score.
      source: its batches.
      config: patience, schedule, averaging and which weights to keep.
      loss: the training loss.
      saved: the checkpoint of its state.
      listener: called after each epoch.
      start: takes the place of the steps of an epoch, whose number it gets; None: there are steps.
    """

    def __init__(
        self,
        phase: Phase,
        model: keras.Model,
        head: Head,
        source: Source,
        config: train_config.TrainConfig,
        loss: keras.losses.Loss,
        saved: checkpoint.Checkpoint,
        listener: Callable[[EpochEnd], None] | None = None,
        start: Start | None = None,
    ) -> None:
        self.phase, self.model, self.source, self.config = phase, model, source, config
        self.position = checkpoint.Position()
        self._saved, self._listener, self._start = saved, listener, start
        self.steps = -(-source.image_count // source.batch_size)
        self._best: list[np.ndarray] = []
        self.best_losses = np.zeros(0)  # of each image of the eval split, by the weights to keep
        self._stored_metrics: list[np.ndarray] = []
        self._head, self._evaluator = head, evaluation.Evaluator(model, head, loss)
        model.compile(
            optimizer=optimizers.build(
                config,
                phase.learning_rate,
                max(1, phase.epochs - bool(start)),
                self.steps,
                phase.factors,
            ),
            loss=loss,
            metrics=head.metrics(model.output),
            jit_compile=devices.jit_compile(config),
            steps_per_execution=phase.steps_per_execution,
        )

    def run(self) -> dict[str, list[float]]:
        """Trains until the last epoch or until early stopping.

        Returns:
          Metric name → value after each epoch.
        """
        stored_metrics, self._stored_metrics = self._stored_metrics, []
        position = self.position
        while not position.done:
            self._epoch(stored_metrics)
            stored_metrics = []
            position.epoch, position.step = position.epoch + 1, 0
            position.done = position.epoch >= self.phase.epochs or self._is_out_of_patience()
            if position.done and self.config.keep == "last":
                with self._averaged():
                    self._best = self.model.get_weights()
                position.kept = position.epoch - 1
            self.save()
        self.source.close()
        self.model.set_weights(self._best)
        return position.metrics

    def save(self) -> None:
        """Writes the state as it is now."""
        groups = {
            "model": self.model.variables,
            "optimizer": self.model.optimizer.variables,
            "metrics": self.model.metrics_variables if self.position.step else [],
            "best": self._best,
            "best_losses": [self.best_losses],
        }
        self._saved.save(self.position, groups)

    def resume(self) -> None:
        """Restores the stored state, if there is one."""
        self.model.optimizer.build(self.model.trainable_variables)
        stored = self._saved.load()
        if stored is None:
            return
        position, groups = stored
        checkpoint.restore(self.model.variables, groups["model"])
        checkpoint.restore(self.model.optimizer.variables, groups["optimizer"])
        self.position, self._best = position, groups.get("best", [])
        self.best_losses = groups["best_losses"][0]
        if not position.done:
            logging.info(
                "%s resumes at epoch %d, step %d", self.phase.name, position.epoch, position.step
            )
        self._stored_metrics = groups.get("metrics", [])

    def _epoch(self, stored_metrics: list[np.ndarray]) -> None:
        position = self.position
        if self.config.schedule == "plateau":
            rate = optimizers.plateau_rate(
                self.phase.learning_rate, position.metrics.get("val_loss", [])
            )
            self.model.optimizer.learning_rate = rate
        start, entered = time.monotonic(), position.step
        logs = dict(self._start(position.epoch)) if self._start else self._steps(stored_metrics)
        seconds = time.monotonic() - start
        images = (self.steps - entered) * self.source.batch_size
        evaluated = self._evaluate()
        row = {
            **logs,
            "val_loss": evaluated.loss,
            f"val_{self._head.score}": evaluated.score,
            "learning_rate": float(np.asarray(self.model.optimizer.learning_rate)),
            "images_per_s": min(images, self.source.image_count) / max(seconds, 1e-9),
        }
        for name, value in row.items():
            position.metrics.setdefault(name, []).append(value)
        if self._listener:
            metrics = {name: list(values) for name, values in position.metrics.items()}
            self._listener(EpochEnd(self.phase, metrics, evaluated.tally, self.model))

    def _steps(self, stored_metrics: list[np.ndarray]) -> dict[str, float]:
        """Takes the steps of an epoch that are left; returns the metrics of the training images."""
        position = self.position
        following = self.phase.epochs - position.epoch - 1 if devices.reads_once() else 0
        fitted = self.model.fit(
            self.source.epoch(position.epoch, position.step, following),
            epochs=1,
            steps_per_epoch=self.steps - position.step,
            verbose=0,
            shuffle=False,  # the source has shuffled the batches
            callbacks=self._callbacks(stored_metrics),
        )
        return {name: float(values[-1]) for name, values in fitted.history.items()}

    def _evaluate(self) -> evaluation.Evaluation:
        """Evaluates the averaged weights, and keeps them if they are the best so far."""
        position = self.position
        with self._averaged():
            evaluated = self._evaluator.evaluate(self.source.evaluation())
            watched = self._head.watched
            before = ranking.ranks(position.metrics, self._head.score, watched)
            now = ranking.rank(evaluated.loss, evaluated.score, watched)
            # Some weights are kept even if no loss is finite.
            if (
                not self._best
                or all(now > one for one in before)
                or (
                    self._is_annealed(position.epoch)
                    and self.is_as_good(evaluated.losses, self.best_losses)
                )
            ):
                self._best = self.model.get_weights()
                self.best_losses, position.kept = evaluated.losses, position.epoch
        return evaluated

    def is_as_good(self, losses: np.ndarray, others: np.ndarray) -> bool:
        """Returns whether losses are no higher than others but for noise.

        Never where the score decides, nor for heads that read maps, which learn few images by heart.
        """
        by_loss = self._head.watched == "loss" and "maps" not in self._head.taps
        return by_loss and ranking.is_within_noise(losses, others)

    @property
    def has_kept_the_last(self) -> bool:
        """Returns whether the weights to keep are those of the last epoch, at whose end the rate is 0."""
        return self._is_annealed(self.position.kept)

    def _is_annealed(self, epoch: int) -> bool:
        return epoch + 1 == self.phase.epochs > 1 and self.config.schedule == "cosine"

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Sets the model's weights to their average within the context, if there is one yet."""
        if not self.config.averaging_epochs or not int(self.model.optimizer.iterations):
            yield
            return
        variables = self.model.trainable_variables
        own = [variable.numpy() for variable in variables]
        self.model.optimizer.finalize_variable_values(variables)
        try:
            yield
        finally:
            checkpoint.restore(variables, own)

    def _is_out_of_patience(self) -> bool:
        metrics, patience = self.position.metrics, self.phase.patience
        if patience is None:
            patience = self.config.early_stopping_patience
        best = ranking.best(metrics, self._head.score, self._head.watched) or 0
        return bool(patience) and len(metrics["val_loss"]) - 1 - best >= patience

    def _callbacks(self, stored_metrics: list[np.ndarray]) -> list[keras.callbacks.Callback]:
        return [
            callbacks.Progress(
                self.phase.name,
                self._head,
                self.phase.epochs,
                self.source.image_count,
                self.source.batch_size,
                self.position,
            ),
            callbacks.Checkpoints(self, stored_metrics, self.config.checkpoint_interval_s),
            *([callbacks.OwnWeights()] if self.config.averaging_epochs else []),
        ]
