"""What to label next: images that the model is unsure about, and that differ from each other.

Greedy k-centres (core-set, Sener and Savarese, 2018, https://arxiv.org/abs/1708.00489) among the images with
the least certain answers: the next image is the one with the largest product of its uncertainty and its
distance from everything labelled or chosen so far.

Dimension letters: U unlabelled images, N labelled ones, D embedding, K classes.
"""

import numpy as np

from pipeline.review import out_of_sample

# Only so many times the wanted number, the least certain ones, are candidates.
_CANDIDATES = 20
_ROWS = 4096  # of a product of embeddings at a time


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """Returns float [U] in 0–1: one minus the margin between the two most probable classes."""
    if probabilities.shape[1] < 2:
        return 1 - probabilities.max(1)
    top = np.partition(probabilities, -2, axis=1)
    return 1 - (top[:, -1] - top[:, -2])


def choose(
    embeddings: np.ndarray, probabilities: np.ndarray, known: np.ndarray, count: int
) -> np.ndarray:
    """Chooses images to label.

    Args:
      embeddings: float [U, D] of the unlabelled images.
      probabilities: float [U, K], the model's answers about them.
      known: float [N, D], embeddings of the labelled images.
      count: how many to choose.

    Returns:
      int [min(count, U)], the first to label first.
    """
    doubts = uncertainty(probabilities)
    candidates = np.argsort(-doubts, kind="stable")[: _CANDIDATES * count]
    rows, doubts = out_of_sample.unit(embeddings[candidates]), doubts[candidates]
    nearest = _nearest(rows, out_of_sample.unit(known))
    chosen: list[int] = []
    for _ in range(min(count, len(candidates))):
        worth = doubts * nearest
        worth[chosen] = -1
        best = int(worth.argmax())
        chosen.append(best)
        nearest = np.minimum(nearest, 1 - rows @ rows[best])
    return candidates[chosen]


def _nearest(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Returns float [U]: the smallest cosine distance to a known row; 1 where none is known."""
    found = np.ones(len(rows), np.float32)
    for start in range(0, len(known), _ROWS):
        found = np.minimum(found, 1 - (rows @ known[start : start + _ROWS].T).max(1))
    return np.maximum(found, 0)
