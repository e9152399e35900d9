"""The head of a classifier: logits, cross-entropy, accuracy and confusion matrix.

Dimension letters: B batch, K classes.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from tasks import linear_head
from tasks.pages import matrix_picture


@keras.saving.register_keras_serializable("image_pipeline")
class SmoothedCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy from logits, with label smoothing and class weights.

    Keras' sparse loss has no smoothing, and its categorical loss takes no label ids.
    Source: Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, section 7.

    Args:
      label_smoothing: share of a target that is spread over all classes, in 0–1.
      class_weights: K factors of the loss by true class; empty: all 1.
      options: arguments of the base class.
    """

    def __init__(
        self, label_smoothing: float, class_weights: Sequence[float] = (), **options: object
    ) -> None:
        super().__init__(**options)
        self.label_smoothing = label_smoothing
        self.class_weights = list(class_weights)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes the loss float32 [B] of logits [B, K] and labels.

        Args:
          y_true: label ids [B] or [B, 1], or probabilities [B, K].
          y_pred: logits [B, K].
        """
        targets = one_hot(y_true, y_pred.shape[-1])
        losses = keras.losses.categorical_crossentropy(
            targets, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )
        if not self.class_weights:
            return losses
        return losses * keras.ops.matmul(targets, keras.ops.array(self.class_weights, "float32"))

    def get_config(self) -> dict[str, object]:
        """Returns the config from which a saved model rebuilds the loss."""
        own = {"label_smoothing": self.label_smoothing, "class_weights": self.class_weights}
        return {**super().get_config(), **own}


def one_hot(y_true: tf.Tensor, classes: int) -> tf.Tensor:
    """Converts label ids [B] or [B, 1] to float32 [B, K]; leaves probabilities [B, K] unchanged."""
    if len(y_true.shape) == 2 and y_true.shape[-1] == classes and y_true.dtype.is_floating:
        return y_true
    return keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32"), classes)


def accuracy(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Returns 1 where the most probable class is the true one, or the larger of two mixed ones.

    The result is float32 [B].
    """
    targets = one_hot(y_true, y_pred.shape[-1])
    hits = keras.ops.argmax(targets, axis=-1) == keras.ops.argmax(y_pred, axis=-1)
    return keras.ops.cast(hits, "float32")


class Head(linear_head.LinearHead):
    """See tasks.facets.training.Head; the tally is the confusion matrix: rows are true classes."""

    score = score_title = "accuracy"

    def loss(
        self, label_smoothing: float, class_weights: Sequence[float] = ()
    ) -> keras.losses.Loss:
        """Makes the cross-entropy from logits; a class weight counts for images of its class."""
        return SmoothedCrossentropy(label_smoothing, class_weights)

    def guessing_loss(self, class_count: int) -> float:
        """Returns the cross-entropy of equal probabilities, in nats."""
        return math.log(max(2, class_count))

    def metrics(self, _outputs: keras.KerasTensor) -> list[keras.metrics.Metric]:
        """Makes the accuracy."""
        return [keras.metrics.MeanMetricWrapper(accuracy, name="accuracy")]

    def tally(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Counts a confusion matrix int64 [K, K]: rows are true classes, columns predicted ones."""
        predicted = tf.argmax(outputs, axis=1)
        return tf.math.confusion_matrix(targets, predicted, outputs.shape[-1], dtype=tf.int64)

    def measure(self, tally: np.ndarray) -> float:
        """Computes the accuracy."""
        return float(np.trace(tally)) / max(1, int(tally.sum()))

    def draw(self, tally: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Draws the confusion matrix of up to MAX_CLASSES classes."""
        return matrix_picture.titled("confusion matrix", tally, names)


HEAD = Head()
