"""What becomes of an embedding before it is compared: PCA whitening or a projection, and length 1.

Dimension letters: N images, F features, D dimensions of a vector.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

# Directions with less than this share of the largest variance are noise, which whitening would blow up.
_LEAST_VARIANCE = 1e-6


@dataclass(frozen=True)
class Transform:
    """A linear map of embeddings of length 1: (x − mean) · matrix, then to length 1.

    Attributes:
      mean: float32 [F]; empty: nothing is subtracted.
      matrix: float32 [F, D]; empty: the identity.
    """

    mean: np.ndarray
    matrix: np.ndarray

    @classmethod
    def identity(cls) -> "Transform":
        """Returns the map that only brings embeddings to length 1."""
        return cls(np.zeros(0, np.float32), np.zeros([0, 0], np.float32))

    def size(self, features: int) -> int:
        """Returns D for embeddings of F features."""
        return int(self.matrix.shape[1]) if self.matrix.size else features

    def apply(self, embeddings: tf.Tensor) -> tf.Tensor:
        """Maps embeddings float32 [N, F] to vectors float32 [N, D] of length 1, in a graph or not.

        An embedding of zeros becomes a vector of zeros where nothing is subtracted.
        """
        vectors = tf.math.l2_normalize(tf.cast(embeddings, tf.float32), axis=1)
        if self.mean.size:
            vectors = vectors - self.mean
        if self.matrix.size:
            vectors = tf.linalg.matmul(vectors, self.matrix)
        return tf.math.l2_normalize(vectors, axis=1)

    def digest(self, network: str) -> str:
        """Returns the SHA-256, in hex, of this map and of the network below it, by its digest."""
        found = hashlib.sha256(network.encode())
        for value in (self.mean, self.matrix):
            found.update(f"{value.shape}".encode())
            found.update(np.ascontiguousarray(value, np.float32).tobytes())
        return found.hexdigest()


def unit(rows: np.ndarray) -> np.ndarray:
    """Scales rows [N, F] to length 1, as float32; rows of zeros stay."""
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.maximum(lengths, 1e-12)).astype(np.float32)


def whitening(embeddings: np.ndarray, size: int) -> Transform:
    """Fits PCA whitening: components of equal variance.

    Source: Jégou & Chum, "Negative evidences and co-occurrences in image retrieval: the benefit of PCA
    and whitening", ECCV 2012, https://doi.org/10.1007/978-3-642-33709-3_55.

    Args:
      embeddings: float32 [N, F], of the train images.
      size: the components to keep; fewer where there are fewer.
    """
    rows = unit(embeddings).astype(np.float64)
    mean = rows.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(rows - mean, rowvar=False, bias=True))
    order = np.argsort(-variances)[: min(size, max(1, len(rows) - 1))]
    kept = order[variances[order] > _LEAST_VARIANCE * max(variances.max(), 1e-300)]
    matrix = directions[:, kept] / np.sqrt(variances[kept])
    return Transform(mean.astype(np.float32), matrix.astype(np.float32))


def principal(embeddings: np.ndarray, size: int) -> np.ndarray:
    """Returns the directions in which vectors of length 1 lie most: float32 [F, D], D at most ``size``.

    Not centred, so that products of projected vectors come near to those of the vectors.
    """
    rows = unit(embeddings).astype(np.float64)
    values, directions = np.linalg.eigh(rows.T @ rows)
    order = np.argsort(-values)[:size]
    return directions[:, order].astype(np.float32)
