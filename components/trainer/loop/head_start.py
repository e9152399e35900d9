"""Starts phase 1 from a head in closed form, where the task's head has one.

Dimension letters: B batch, N images, F features.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np
import tensorflow as tf

from components.trainer.loop import loop
from components.trainer.loop.sources import Source
from data.examples.annotation import Annotation
from tasks.facets.training import Head, Weighted

# Images whose embeddings are held at once: to choose by (eval), and to measure on (train).
MOST_HELD = 10_000
_MEASURED = 2_048

Embed = Callable[[tf.Tensor], tf.Tensor]


def of(
    part: keras.Model,
    source: Source,
    head: Head,
    annotation: Annotation,
    loss: keras.losses.Loss,
    factors: Sequence[float] | None = None,
    embed: Embed = tf.identity,
) -> loop.Start | None:
    """Returns what solves the head of a part in place of the first epoch; None for heads without such a form.

    Args:
      part: has the head's layers.
      source: of phase 1.
      head: of the task.
      annotation: of the images.
      loss: of the training.
      factors: K numbers by which an image counts, by its classes; None: all count the same.
      embed: inputs of the source [B, …] → embedding float32 [B, F].
    """
    if head.solve is None:
        return None
    solve = head.solve
    weights = None if factors is None else tf.constant(factors, tf.float64)
    measured: list[tuple[np.ndarray, np.ndarray]] = []

    def batches() -> Iterator[Weighted]:
        for inputs, targets in source.every_view():
            embedding = embed(inputs).numpy()
            if sum(len(rows) for rows, _ in measured) < _MEASURED:
                measured.append((embedding, targets.numpy()))
            counted = np.ones(len(embedding))
            if weights is not None:
                counted = annotation.repeats(targets, weights).numpy()
            yield Weighted(embedding, annotation.soft(targets).numpy(), counted)

    def start() -> Mapping[str, float]:
        solve(part, batches(), _held(source, embed), loss)
        features, targets = (np.concatenate(column) for column in zip(*measured, strict=True))
        outputs = head.reapply(part, {"pooled": tf.constant(features)})
        true = tf.constant(targets)
        return {
            "loss": float(tf.reduce_mean(loss.call(true, outputs))),
            head.score: head.measure(head.tally(true, outputs).numpy()),
        }

    return start


def _held(source: Source, embed: Embed) -> tuple[np.ndarray, np.ndarray]:
    """Returns embeddings float32 [N, F] and targets [N, …] of the first images of the eval split."""
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for inputs, targets in source.evaluation():
        held.append((embed(inputs).numpy(), targets.numpy()))
        if sum(len(rows) for rows, _ in held) >= MOST_HELD:
            break
    features, targets = (np.concatenate(column) for column in zip(*held, strict=True))
    return features, targets
