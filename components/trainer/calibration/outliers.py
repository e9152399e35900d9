"""Detects outliers by the angle between an image's embedding and that of the nearest class.

Of the scores tried (energy, top probability, nearest neighbours), this is the best that needs
little memory: one direction for each class. The measurements are in benchmarks/outliers.py.

Dimension letters: B batch, N images, F features, K classes, C classes with images.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf


@dataclass(frozen=True)
class Detector:
    """Outlier detector.

    Attributes:
      directions: float32 [C, F], the mean direction of the embeddings of each class, of length 1;
        None: all scores are 0.
      threshold: an image with a score above it is an outlier; infinite: no image is.
    """

    directions: np.ndarray | None = None
    threshold: float = math.inf


def directions(
    embedded: Iterable[tuple[np.ndarray, np.ndarray]], class_count: int, feature_count: int
) -> np.ndarray:
    """Averages the directions of the embeddings of each class.

    Args:
      embedded: batches of embeddings float32 [B, F] and bool [B, K]: which classes are in each
        image. An image of several counts for each, one of none for none.
      class_count: K.
      feature_count: F.

    Returns:
      float32 [C, F], of length 1; classes without images are left out.
    """
    sums = np.zeros([class_count, feature_count])
    present = np.zeros(class_count, bool)
    for embeddings, presence in embedded:
        images, class_ids = np.nonzero(presence)
        np.add.at(sums, class_ids, _normalised(embeddings)[images])
        present[class_ids] = True
    return _normalised(sums[present]).astype(np.float32)


def scores(embeddings: tf.Tensor, class_directions: np.ndarray | None) -> tf.Tensor:
    """Computes the outlier scores of a batch, inside a graph or not.

    Source: cosine distance to class means is the nearest-mean rule of Mensink et al.,
    TPAMI 2013, here on normalised features, which finding outliers needs
    according to Sun et al., 2022, https://arxiv.org/abs/2204.06507.

    Args:
      embeddings: float32 [B, F].
      class_directions: those of a Detector.

    Returns:
      float32 [B] in 0–2: 1 minus the cosine to the nearest direction; higher is more of an outlier.
    """
    if class_directions is None:
        return tf.zeros(tf.shape(embeddings)[:1])
    cosines = tf.linalg.matmul(
        tf.math.l2_normalize(embeddings, axis=1), class_directions, transpose_b=True
    )
    return 1 - tf.reduce_max(cosines, axis=1)


def threshold(held_out: np.ndarray, coverage: float) -> float:
    """Computes the score that an in-distribution image exceeds with probability 1 − coverage.

    The quantile is computed as if there were one more image with the highest score, so that the
    probability holds on average for any number of images. Source: split conformal prediction,
    Vovk et al., 2005; Angelopoulos & Bates, 2021, https://arxiv.org/abs/2107.07511, section 1.

    Args:
      held_out: float [N], scores of images that were not trained on.
      coverage: share of such images that are not called outliers, in 0–1.

    Returns:
      One of the scores; infinity if there are too few: 95 % needs 19.
    """
    rank = math.ceil((len(held_out) + 1) * coverage - 1e-9)
    return math.inf if rank > len(held_out) else float(np.sort(held_out)[rank - 1])


def _normalised(rows: np.ndarray) -> np.ndarray:
    """Scales rows [N, F] to length 1; rows of zeros stay."""
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
