"""What training tells while it runs."""

from typing import Any

import keras

from data import progress

PHASE_NAMES = {"head": "training the head", "fine_tune": "fine-tuning the top blocks"}


class Progress(keras.callbacks.Callback):  # type: ignore[misc]
    """Counts images, and notes the epoch and the accuracy on the eval split.

    Args:
      phase: "head" or "fine_tune".
      epochs: how many there are at most.
      image_count: images in an epoch.
      batch_size: images in a batch, the last of an epoch excepted.
    """

    def __init__(self, phase: str, epochs: int, image_count: int, batch_size: int) -> None:
        super().__init__()
        self._task = progress.start(PHASE_NAMES[phase], total=epochs * image_count)
        self._epochs = epochs
        self._image_count = image_count
        self._batch_size = batch_size
        self._accuracy = ""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        self._task.advance(0, note=f"epoch {epoch + 1} of {self._epochs}{self._accuracy}")

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        self._task.advance(min(self._batch_size, self._image_count - batch * self._batch_size))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """See the base class."""
        if logs and "val_accuracy" in logs:
            self._accuracy = f", eval accuracy {logs['val_accuracy']:.1%}"
