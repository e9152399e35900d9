"""Trains a linear projection of embeddings, so that images of a class come together.

The network below stays as it is, so an epoch over thousands of images takes less than a second. The
projection starts from the principal directions, where it changes next to nothing.

Dimension letters: B batch, N images, F features, D dimensions of a vector, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from tasks.retrieval import transform

Kind = Literal["proxy_anchor", "arcface"]
BATCH = 128
RATE = 5e-3
# Proxies learn faster than the projection, as the paper advises.
PROXY_RATE = 3e-2
# Of few images, an epoch is a step or two; so many steps cost seconds.
FEWEST_STEPS = 600
# Scale and margin of Proxy-Anchor, section 4.1.
ALPHA, DELTA = 32.0, 0.1
# Scale and angular margin of ArcFace in radians; smaller than for a million faces.
SCALE, MARGIN = 16.0, 0.3
# So often are the eval images searched for.
JUDGED = 20


@dataclass(frozen=True)
class Trained:
    """The result: matrix float32 [F, D], the score of the eval images, and the epoch of both."""

    matrix: np.ndarray
    score: float
    epoch: int


def train(
    embeddings: np.ndarray,
    label_ids: np.ndarray,
    kind: Kind,
    size: int,
    epochs: int,
    seed: int,
    judge: Callable[[np.ndarray], float],
) -> Trained:
    """Trains a projection, and keeps the best by the eval images.

    Args:
      embeddings: float32 [N, F], of length 1.
      label_ids: int [N].
      kind: the loss.
      size: D.
      epochs: passes over the embeddings; more where that would be fewer than FEWEST_STEPS.
      seed: of the order and of the proxies; the same seed gives the same projection.
      judge: matrix [F, D] → the score of the eval images, higher is better.
    """
    names, numbers = np.unique(label_ids, return_inverse=True)
    generator = np.random.Generator(np.random.Philox(seed))
    matrix = tf.Variable(transform.principal(embeddings, size))
    start = _means(embeddings @ matrix.numpy(), numbers, len(names))
    proxies = tf.Variable(start + 0.01 * generator.standard_normal(start.shape).astype(np.float32))
    loss_of = proxy_anchor if kind == "proxy_anchor" else arcface
    per_epoch = -(-len(embeddings) // BATCH)
    epochs = max(epochs, -(-FEWEST_STEPS // per_epoch))
    slow, fast = (_optimizer(rate, epochs * per_epoch) for rate in (RATE, PROXY_RATE))
    slow.build([matrix])
    fast.build([proxies])

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, embeddings.shape[1]], tf.float32),
            tf.TensorSpec([None], tf.int64),
        ]
    )
    def step(rows: tf.Tensor, classes: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            vectors = tf.math.l2_normalize(tf.linalg.matmul(rows, matrix), axis=1)
            loss = loss_of(vectors, tf.math.l2_normalize(proxies, axis=1), classes)
        of_matrix, of_proxies = tape.gradient(loss, [matrix, proxies])
        slow.apply([tf.clip_by_norm(of_matrix, 1.0)])
        fast.apply([tf.clip_by_norm(of_proxies, 10.0)])

    best = Trained(matrix.numpy(), judge(matrix.numpy()), 0)
    for epoch in range(1, epochs + 1):
        order = generator.permutation(len(embeddings))
        for first in range(0, len(order), BATCH):
            here = order[first : first + BATCH]
            step(embeddings[here], numbers[here].astype(np.int64))
        if epoch % -(-epochs // JUDGED) == 0 or epoch == epochs:
            score = judge(matrix.numpy())
            if score > best.score:
                best = Trained(matrix.numpy(), score, epoch)
    return best


def _optimizer(rate: float, steps: int) -> keras.optimizers.Optimizer:
    course = keras.optimizers.schedules.CosineDecay(rate, steps)
    return keras.optimizers.AdamW(course, weight_decay=1e-4)


def proxy_anchor(vectors: tf.Tensor, proxies: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Computes the Proxy-Anchor loss of a batch, float32 [].

    Source: Kim et al., "Proxy Anchor Loss for Deep Metric Learning", CVPR 2020,
    https://arxiv.org/abs/2003.13911, equation 4.

    Args:
      vectors: float32 [B, D], of length 1.
      proxies: float32 [K, D], likewise, one for each class.
      classes: int64 [B].
    """
    cosines = tf.linalg.matmul(vectors, proxies, transpose_b=True)
    is_own = tf.one_hot(classes, tf.shape(proxies)[0], on_value=True, off_value=False)
    pulled = _softplus_of_sums(-ALPHA * (cosines - DELTA), is_own)
    pushed = _softplus_of_sums(ALPHA * (cosines + DELTA), ~is_own)
    present = tf.cast(tf.reduce_any(is_own, axis=0), tf.float32)
    count = tf.cast(tf.shape(proxies)[0], tf.float32)
    return tf.reduce_sum(pulled * present) / tf.reduce_sum(present) + tf.reduce_sum(pushed) / count


def _softplus_of_sums(values: tf.Tensor, chosen: tf.Tensor) -> tf.Tensor:
    """Returns log(1 + Σ exp v) over the chosen images of each class, float32 [K]."""
    kept = tf.where(chosen, values, -1e9)
    nothing = tf.zeros([1, tf.shape(values)[1]])
    return tf.reduce_logsumexp(tf.concat([nothing, kept], axis=0), axis=0)


def arcface(vectors: tf.Tensor, proxies: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
    """Computes the ArcFace loss of a batch, float32 [].

    Source: Deng et al., "ArcFace: Additive Angular Margin Loss for Deep Face Recognition", CVPR 2019,
    https://arxiv.org/abs/1801.07698, equation 3.

    Args:
      vectors: float32 [B, D], of length 1.
      proxies: float32 [K, D], likewise, one for each class.
      classes: int64 [B].
    """
    cosines = tf.linalg.matmul(vectors, proxies, transpose_b=True)
    # Beyond ±1 the angle has no gradient.
    angles = tf.acos(tf.clip_by_value(cosines, -1 + 1e-6, 1 - 1e-6))
    own = tf.one_hot(classes, tf.shape(proxies)[0])
    logits = SCALE * tf.cos(angles + MARGIN * own)
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=classes, logits=logits)
    return tf.reduce_mean(losses)


def _means(vectors: np.ndarray, numbers: np.ndarray, classes: int) -> np.ndarray:
    sums = np.zeros([classes, vectors.shape[1]])
    np.add.at(sums, numbers, transform.unit(vectors))
    return transform.unit(sums)
