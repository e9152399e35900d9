"""TensorBoard logs: all phases on one axis, augmented samples, confusion matrices."""

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from components.trainer.loop import loop

SAMPLES = 16
CELL_PX = 28
LABEL_PX = 90
# A confusion matrix of more classes would be unreadable and is not drawn.
MAX_CLASSES = 40
TRAINING = ("loss", "accuracy", "learning_rate", "images_per_s")
EVALUATION = {"val_loss": "loss", "val_accuracy": "accuracy"}


class Board:
    """Writes the logs of one training.

    Args:
      folder: the logs go into its subfolders ``train`` and ``eval``.
      label_names: names of the classes, in order.
    """

    def __init__(self, folder: Path, label_names: list[str]) -> None:
        self._train = tf.summary.create_file_writer(str(folder / "train"))
        self._eval = tf.summary.create_file_writer(str(folder / "eval"))
        self._names = label_names
        self._first: dict[str, int] = {}

    def begin(self, phase: str, first_epoch: int, metrics: dict[str, list[float]]) -> None:
        """Starts a phase on the axis, and logs the epochs that an interrupted run has finished."""
        self._first[phase] = first_epoch
        for epoch in range(len(next(iter(metrics.values()), []))):
            self._scalars(phase, epoch, metrics)

    def epoch_end(self, ended: loop.EpochEnd) -> None:
        """Logs the metrics and the confusion matrix of an epoch."""
        epoch = len(ended.metrics["val_loss"]) - 1
        self._scalars(ended.phase.name, epoch, ended.metrics)
        if len(self._names) <= MAX_CLASSES:
            drawn = draw_confusion(ended.confusion, self._names)[None]
            with self._eval.as_default(step=self._first[ended.phase.name] + epoch):
                tf.summary.image("confusion matrix", drawn)
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
        for name in TRAINING:
            with self._train.as_default(step=step):
                tf.summary.scalar(name, metrics[name][epoch])
        for name, shown in EVALUATION.items():
            with self._eval.as_default(step=step):
                tf.summary.scalar(shown, metrics[name][epoch])


def draw_confusion(counts: np.ndarray, names: list[str]) -> np.ndarray:
    """Draws a confusion matrix.

    Args:
      counts: [K, K]; rows are true classes, columns predicted ones.
      names: K labels.

    Returns:
      uint8 [H, W, 3]; a cell is darker the larger its share of the row.
    """
    side = LABEL_PX + CELL_PX * len(names)
    image = Image.new("RGB", (side, side - LABEL_PX + CELL_PX), "white")
    draw = ImageDraw.Draw(image)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(names):
        draw.text((4, CELL_PX * (row + 1) + 8), name[:14], "black")
        draw.text((LABEL_PX + CELL_PX * row + 4, 8), name[:4], "black")
        for column in range(len(names)):
            left, top = LABEL_PX + CELL_PX * column, CELL_PX * (row + 1)
            share = shares[row, column]
            shade = round(255 * (1 - share))
            box = (left, top, left + CELL_PX - 1, top + CELL_PX - 1)
            draw.rectangle(box, (shade, shade, 255), (220, 220, 220))
            if counts[row, column]:
                ink = "white" if share > 0.5 else "black"
                draw.text((left + 4, top + 8), str(counts[row, column]), ink)
    return np.asarray(image)
