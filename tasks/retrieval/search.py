"""Exact search: one product of matrices gives the cosines of queries with all images of a gallery.

Dimension letters: B queries, N images of the gallery, D dimensions of a vector, k neighbours.
"""

from typing import NamedTuple

import tensorflow as tf

from tasks.retrieval import gallery as galleries

NOBODY = -1


class Found(NamedTuple):
    """The nearest images of the gallery, the nearest first; where it has fewer than k, NOBODY.

    Attributes:
      cosines: float32 [B, k], in −1–1; −1 for NOBODY.
      rows: int32 [B, k], places in the gallery.
      label_ids: int32 [B, k], of their labels in the model's label map.
    """

    cosines: tf.Tensor
    rows: tf.Tensor
    label_ids: tf.Tensor


def nearest(vectors: tf.Tensor, stored: galleries.Variables, most: int) -> Found:
    """Finds the k = ``most`` nearest images of vectors float32 [B, D] of length 1, inside a graph."""
    # In this order the small matrix is the one that TensorFlow transposes: for two queries and more it would
    # copy the gallery each time, at ten times the cost of the product.
    cosines = tf.transpose(tf.linalg.matmul(stored.vectors, vectors, transpose_b=True))
    count = tf.minimum(most, tf.shape(stored.vectors)[0])
    # Rounding may exceed 1 in the last digit.
    values, rows = tf.math.top_k(tf.clip_by_value(cosines, -1.0, 1.0), count)
    label_ids = tf.gather(tf.convert_to_tensor(stored.label_ids), rows)
    rest = [[0, 0], [0, most - count]]
    padded = [
        tf.ensure_shape(tf.pad(value, rest, constant_values=constant), [None, most])
        for value, constant in ((values, -1.0), (rows, NOBODY), (label_ids, NOBODY))
    ]
    return Found(*padded)


def packed(found: Found) -> tf.Tensor:
    """Returns float32 [B, 3k]: cosines, rows and labels side by side; rows are exact up to 2²⁴."""
    parts = [found.cosines, *(tf.cast(one, tf.float32) for one in (found.rows, found.label_ids))]
    return tf.concat(parts, axis=1)
