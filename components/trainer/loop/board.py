"""TensorBoard logs: all phases on one axis, augmented samples, pictures of the eval split."""

from pathlib import Path

import numpy as np
import tensorflow as tf

from components.trainer.loop import loop
from tasks.facets.training import Head

SAMPLES = 16
# Metrics of the eval split begin with it, as Keras has them.
EVALUATION = "val_"


class Board:
    """Writes the logs of one training.

    Args:
      folder: the logs go into its subfolders ``train`` and ``eval``.
      label_names: names of the classes, in order.
      head: draws the answers to the eval split.
    """

    def __init__(self, folder: Path, label_names: list[str], head: Head) -> None:
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._eval = tf.summary.create_file_writer(str(folder / "eval"))
        self._names, self._head = label_names, head
        self._first: dict[str, int] = {}

    def begin(self, phase: str, first_epoch: int, metrics: dict[str, list[float]]) -> None:
        """Starts a phase on the axis, and logs the epochs that an interrupted run has finished."""
        self._first[phase] = first_epoch
        for epoch in range(len(next(iter(metrics.values()), []))):
            self._scalars(phase, epoch, metrics)

    def epoch_end(self, ended: loop.EpochEnd) -> None:
        """Logs the metrics of an epoch, and pictures of the answers to the eval split."""
        epoch = len(ended.metrics["val_loss"]) - 1
        self._scalars(ended.phase.name, epoch, ended.metrics)
        with self._eval.as_default(step=self._first[ended.phase.name] + epoch):
            for title, picture in self._head.draw(ended.tally, self._names).items():
                tf.summary.image(title, picture[None])
        self._eval.flush()
        self._train.flush()

    def samples(self, pixels: np.ndarray) -> None:
        """Logs augmented training images, uint8 [B, S, S, 3], B at most SAMPLES."""
        with self._train.as_default(step=0):
            tf.summary.image("augmented samples", pixels, max_outputs=SAMPLES)

    def close(self) -> None:
        """Writes what is buffered and closes the logs."""
        self._train.close()
        self._eval.close()

    def _scalars(self, phase: str, epoch: int, metrics: dict[str, list[float]]) -> None:
        step = self._first[phase] + epoch
        for name, values in metrics.items():
            log = self._eval if name.startswith(EVALUATION) else self._train
            with log.as_default(step=step):
                tf.summary.scalar(name.removeprefix(EVALUATION), values[epoch])
