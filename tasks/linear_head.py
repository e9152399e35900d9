"""A head of one linear layer on the embedding, as several tasks have it.

Dimension letters: B batch, F features, K classes.
"""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from tasks import convex_head
from tasks.facets.training import Embedded, Tap, Watched

DROPOUT_LAYER = "dropout"
LOGITS_LAYER = "logits"


class LinearHead:
    """Dropout and a linear layer: embedding float32 [B, F] → logits float32 [B, K]."""

    taps: Sequence[Tap] = ("pooled",)
    strides: Sequence[int] = ()
    needed_strides: Sequence[int] = ()
    most_views = 5
    most_head_views = 3
    viewed_images = 9_000
    watched: Watched = "loss"
    is_trained = True

    def build(
        self, features: Mapping[Tap, keras.KerasTensor], class_count: int, dropout: float
    ) -> keras.KerasTensor:
        """See tasks.facets.training.Head."""
        kept = layers.Dropout(dropout, name=DROPOUT_LAYER)(features["pooled"])
        return layers.Dense(class_count, dtype="float32", name=LOGITS_LAYER)(kept)

    def reapply(
        self, model: keras.Model, features: Mapping[Tap, keras.KerasTensor]
    ) -> keras.KerasTensor:
        """See tasks.facets.training.Head."""
        kept = model.get_layer(DROPOUT_LAYER)(features["pooled"])
        return model.get_layer(LOGITS_LAYER)(kept)

    def copy_known(
        self, last: keras.Model, model: keras.Model, old: Sequence[str], new: Sequence[str]
    ) -> int:
        """See tasks.facets.training.Head; the weights of other classes stay."""
        layer = model.get_layer(LOGITS_LAYER)
        old_kernel, old_bias = last.get_layer(LOGITS_LAYER).get_weights()
        kernel, bias = (np.array(value) for value in layer.get_weights())
        known = [name for name in new if name in old]
        for name in known:
            there, here = old.index(name), new.index(name)
            kernel[:, here], bias[here] = old_kernel[:, there], old_bias[there]
        layer.set_weights([kernel, bias])
        return len(known)

    def solve(
        self,
        model: keras.Model,
        images: Embedded,
        held_out: Embedded,
        loss: keras.losses.Loss,
        keeps_better: bool,
    ) -> None:
        """See tasks.facets.training.Solve."""
        if not len(images.features) or not len(held_out.features):
            return
        layer = model.get_layer(LOGITS_LAYER)
        true = tf.constant(held_out.targets)

        def loss_of(outputs: np.ndarray) -> float:
            return float(tf.reduce_mean(loss.call(true, tf.constant(outputs))))

        problem = convex_head.Problem(images, loss, layer.bias.shape[0])
        solved = convex_head.best(problem, held_out.features, loss_of)
        present = convex_head.Layer(*layer.get_weights())
        before, now = (loss_of(one.outputs(held_out.features)) for one in (present, solved))
        if now < before or not keeps_better:
            layer.set_weights(list(solved))
