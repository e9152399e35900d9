"""No head: the embedding itself is what images are compared by, and nothing is trained in phases.

A projection is trained after them, on the embeddings, see calibration. Dimension letters: B batch,
F features, K classes.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tasks.facets.training import Tap, Watched

VECTOR_LAYER = "vector"


class Head:
    """See tasks.facets.training.Head."""

    taps: Sequence[Tap] = ("pooled",)
    strides: Sequence[int] = ()
    needed_strides: Sequence[int] = ()
    most_views = 1
    most_head_views = 1
    viewed_images = 0
    score = score_title = "recall"
    watched: Watched = "loss"
    is_trained = False
    solve = None

    def build(
        self, features: Mapping[Tap, keras.KerasTensor], _class_count: int, _dropout: float
    ) -> keras.KerasTensor:
        """Returns the embedding as it is, float32 [B, F]."""
        return layers.Activation("linear", dtype="float32", name=VECTOR_LAYER)(features["pooled"])

    def reapply(
        self, model: keras.Model, features: Mapping[Tap, keras.KerasTensor]
    ) -> keras.KerasTensor:
        """See tasks.facets.training.Head."""
        return model.get_layer(VECTOR_LAYER)(features["pooled"])

    def copy_known(
        self, _last: keras.Model, _model: keras.Model, old: Sequence[str], new: Sequence[str]
    ) -> int:
        """Copies nothing, since no weights belong to classes; returns the number of known ones."""
        return len(set(old) & set(new))

    def loss(
        self, _label_smoothing: float, _class_weights: Sequence[float] = ()
    ) -> keras.losses.Loss:
        """Raises, since no phase trains.

        Raises:
          NotImplementedError: always.
        """
        raise NotImplementedError("the embedding is not trained in phases")

    def guessing_loss(self, _class_count: int) -> float:
        """Returns 0."""
        return 0.0

    def metrics(self, _outputs: keras.KerasTensor) -> list[keras.metrics.Metric]:
        """Returns none."""
        return []

    def tally(self, _targets: tf.Tensor, _outputs: tf.Tensor) -> tf.Tensor:
        """Counts nothing: int64 [1]."""
        return tf.zeros([1], tf.int64)

    def measure(self, _tally: np.ndarray) -> float:
        """Returns 0."""
        return 0.0

    def draw(self, _tally: np.ndarray, _names: Sequence[str]) -> dict[str, np.ndarray]:
        """Draws nothing."""
        return {}


HEAD = Head()
