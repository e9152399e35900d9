"""Computes loss, accuracy and confusion matrix of a model on a whole split.

Dimension letters: B batch, K classes.
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf


class Evaluation(NamedTuple):
    """Loss, accuracy in 0–1, and counts int64 [K, K]: rows are true, columns predicted classes."""

    loss: float
    accuracy: float
    confusion: np.ndarray


class Evaluator:
    """Evaluates one model; its graph is traced once.

    Args:
      model: inputs [B, …] → logits [B, K].
      loss: of label_ids [B] and logits.
    """

    def __init__(self, model: keras.Model, loss: keras.losses.Loss) -> None:
        classes = model.output.shape[-1]

        @tf.function(reduce_retracing=True)
        def step(inputs: tf.Tensor, label_ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            logits = tf.cast(model(inputs, training=False), tf.float32)
            losses = tf.cast(loss.call(label_ids, logits), tf.float64)
            predicted = tf.argmax(logits, axis=1)
            counts = tf.math.confusion_matrix(label_ids, predicted, classes, dtype=tf.int64)
            return tf.reduce_sum(losses), counts

        self._step, self._classes = step, classes

    def evaluate(self, batches: tf.data.Dataset) -> Evaluation:
        """Evaluates all batches of inputs and label_ids; returns zeros if there are none."""
        total, confusion = 0.0, np.zeros((self._classes, self._classes), np.int64)
        for inputs, label_ids in batches:
            loss, counts = self._step(inputs, label_ids)
            total += float(loss)
            confusion += counts.numpy()
        count = max(1, int(confusion.sum()))
        return Evaluation(total / count, float(np.trace(confusion)) / count, confusion)
