"""Solves the head in place of phase 1's steps, where the task's head can be solved at once.

Dimension letters: B batch, N images, F features, K classes.
"""

from collections.abc import Callable, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from components.trainer.loop import loop
from components.trainer.loop.sources import SolvableSource
from data.examples.annotation import Annotation
from tasks.facets.training import Embedded, Head

# Of more embeddings than these, every second, fourth … is taken: values that are
# held at once, and multiply-adds of one pass through the layer, of which solving takes hundreds.
MOST_VALUES = 128 << 20
MOST_MULTIPLY_ADDS = 2 << 30

# The factor of a solved layer before phase 2. It was solved to fit the images as they are, with none of phase 2's
# dropout, and so well that little is left for the blocks below to learn from; a smaller one gives the same answers,
# less sure of them. Measured in benchmarks/README.md.
SOFTENED = 0.3

Embed = Callable[[tf.Tensor], tf.Tensor]


def of(
    part: keras.Model,
    source: SolvableSource,
    head: Head,
    annotation: Annotation,
    loss: keras.losses.Loss,
    repeats: Sequence[float] | None = None,
    embed: Embed = tf.identity,
) -> loop.Start | None:
    """Returns what solves the head of a part, in each epoch with a view more; None if it cannot be solved.

    Args:
      part: has the head's layers.
      source: of phase 1.
      head: of the task.
      annotation: of the images.
      loss: of the training.
      repeats: K numbers, how often an image of each class counts; None: once.
      embed: inputs of the source [B, …] → embedding float32 [B, F].
    """
    if head.solve is None:
        return None
    solve = head.solve

    def start(epoch: int) -> Mapping[str, float]:
        images = _embedded(source.first_views(epoch + 1), annotation, embed, repeats)
        held_out = _embedded(source.evaluation(), annotation, embed)
        # Only at first the layer may be that of a last model, and worth keeping.
        solve(part, images, held_out, loss, keeps_better=epoch == 0)
        outputs = head.reapply(part, {"pooled": tf.constant(images.features)})
        true = tf.constant(images.targets)
        return {
            "loss": float(tf.reduce_mean(loss.call(true, outputs))),
            head.score: head.measure(head.tally(true, outputs).numpy()),
        }

    return start


def soften(part: keras.Model) -> None:
    """Makes the outputs of a solved head smaller, which changes no answer.

    Args:
      part: of whose weights only those of the head train.
    """
    for weight in part.trainable_variables:
        weight.assign(SOFTENED * weight)


def _embedded(
    batches: tf.data.Dataset,
    annotation: Annotation,
    embed: Embed,
    repeats: Sequence[float] | None = None,
) -> Embedded:
    """Collects the images of batches, evenly spread where there are too many."""
    features: list[np.ndarray] = []
    targets: list[np.ndarray] = []
    most = min(MOST_VALUES, MOST_MULTIPLY_ADDS // annotation.class_count)
    step, seen, values = 1, 0, 0
    for inputs, true in batches:
        rows = embed(inputs).numpy()
        first = -seen % step
        seen += len(rows)
        features.append(rows[first::step])
        targets.append(true.numpy()[first::step])
        values += features[-1].size
        while values > most and sum(map(len, features)) > 1:
            step *= 2
            features = [np.concatenate(features)[::2]]
            targets = [np.concatenate(targets)[::2]]
            values = features[0].size
    if not features:
        features, targets = [np.zeros((0, 0), np.float32)], [np.zeros(0)]
    every = np.concatenate(targets)
    weights = np.ones(len(every))
    if repeats is not None and len(every):
        factors = tf.constant(repeats, tf.float64)
        weights = annotation.repeats(tf.constant(every), factors).numpy()
    return Embedded(np.concatenate(features), every, weights)
