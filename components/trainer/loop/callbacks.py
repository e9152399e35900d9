"""Keras callbacks that report the progress of a phase and save its state between batches."""

import time
from typing import Any, Protocol

import keras
import numpy as np

from components.trainer.loop import checkpoint, phase_names
from data import formats, progress
from tasks.facets.training import Head


class Saveable(Protocol):
    """Phase under way that can save its state."""

    position: checkpoint.Position
    steps: int

    def save(self) -> None:
        """Writes the state as it is now."""


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Reports the number of images, the epoch and the score on the eval split.

    Args:
      phase: name of the phase.
      head: defines the score.
      epochs: maximum number of epochs.
      image_count: images in an epoch.
      batch_size: images in a batch, except for the last of an epoch.
      position: progress of the phase.
    """

    def __init__(
        self,
        phase: phase_names.PhaseName,
        head: Head,
        epochs: int,
        image_count: int,
        batch_size: int,
        position: checkpoint.Position,
    ) -> None:
        super().__init__()
        self._image_count, self._batch_size = image_count, batch_size
        scores = position.metrics.get(f"val_{head.score}", [])
        score = f", eval {head.score_title} {formats.percent(scores[-1])}" if scores else ""
        self._done = position.epoch * image_count + position.step * batch_size
        self._entered = position.step
        self._task = progress.start(
            phase_names.TASKS[phase],
            total=epochs * image_count,
            done=self._done,
            note=f"epoch {position.epoch + 1} of {epochs}{score}",
        )
        self._first = position.epoch * image_count

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        in_epoch = min((self._entered + batch + 1) * self._batch_size, self._image_count)
        self._task.advance(self._first + in_epoch - self._done)
        self._done = self._first + in_epoch


class Checkpoints(keras.callbacks.Callback):  # type: ignore[misc]
    """Saves the state at intervals, and restores the running metrics when an epoch is resumed.

    Args:
      phase: the phase to save.
      stored_metrics: state of the metrics where the epoch was interrupted; empty at its start.
      interval_s: seconds between two saves.
    """

    def __init__(
        self, phase: Saveable, stored_metrics: list[np.ndarray], interval_s: float
    ) -> None:
        super().__init__()
        self._phase, self._stored, self._interval_s = phase, stored_metrics, interval_s
        self._entered = phase.position.step
        self._last = time.monotonic()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        if self._stored:
            # Sums and counts, which Keras creates anew with the first batch.
            variables = self.model.metrics_variables
            sums = [
                stored + np.asarray(variable)
                for variable, stored in zip(variables, self._stored, strict=True)
            ]
            checkpoint.restore(variables, sums)
            self._stored = []
        # If a call runs several steps, the number of its last one may lie beyond the epoch.
        self._phase.position.step = min(self._entered + batch + 1, self._phase.steps)
        if self._phase.position.step == self._phase.steps:
            return  # the whole epoch is about to be saved with its evaluation
        if time.monotonic() - self._last >= self._interval_s:
            self._phase.save()
            self._last = time.monotonic()


class OwnWeights(keras.callbacks.Callback):  # type: ignore[misc]
    """Keeps the weights that the steps have reached; at its end fit sets their moving average in their place."""

    def __init__(self) -> None:
        super().__init__()
        self._reached: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        self._reached = [np.array(variable) for variable in self.model.trainable_variables]

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        checkpoint.restore(self.model.trainable_variables, self._reached)
