"""Computes loss and score of a model on a whole split. Dimension letters: B batch."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tasks.facets.training import Head


class Evaluation(NamedTuple):
    """Mean loss, score in 0–1, the tally that the score was computed from, and the loss of each image."""

    loss: float
    score: float
    tally: np.ndarray
    losses: np.ndarray


class Evaluator:
    """Evaluates one model; its graph is traced once.

    Args:
      model: inputs [B, …] → outputs [B, …] of the head.
      head: defines the score.
      loss: of targets [B, …] and outputs.
    """

    def __init__(self, model: keras.Model, head: Head, loss: keras.losses.Loss) -> None:
        @tf.function(reduce_retracing=True, autograph=False)
        def step(inputs: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            outputs = tf.cast(model(inputs, training=False), tf.float32)
            losses = tf.cast(loss.call(targets, outputs), tf.float64)
            return losses, head.tally(targets, outputs)

        self._step, self._head, self._output_shape = step, head, model.output.shape[1:]

    def evaluate(self, batches: tf.data.Dataset) -> Evaluation:
        """Evaluates all batches of inputs and targets; loss and score are 0 if there are none."""
        found, tally = [np.zeros(0)], self._nothing(batches)
        for inputs, targets in batches:
            of_batch, counts = self._step(inputs, targets)
            found.append(of_batch.numpy())
            tally = tally + counts.numpy()
        losses = np.concatenate(found)
        mean = float(losses.sum()) / max(1, len(losses))
        return Evaluation(mean, self._head.measure(tally), tally, losses)

    def _nothing(self, batches: tf.data.Dataset) -> np.ndarray:
        """Returns the tally of no images."""
        target = batches.element_spec[1]
        targets = tf.zeros([0, *target.shape[1:]], target.dtype)
        tally = self._head.tally(targets, tf.zeros([0, *self._output_shape]))
        return tally.numpy()  # type: ignore[no-any-return]
