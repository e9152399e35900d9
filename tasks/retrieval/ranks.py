"""What a ranking of the gallery is worth: the rank of the first right image, and AP@R.

A row about an image, float64, has the columns below. Dimension letters: N images, T ranked images, K classes.
"""

import numpy as np

# The rank of the first image of the same class, from 1; 0: none among the ranked ones.
RANK = 0
# AP@R, in 0–1.
PRECISION = 1
# R: images of the same class in the gallery.
RELEVANT = 2
# 1 where the class was held out of the training of the projection.
HELD_OUT = 3
# K.
CLASSES = 4
# The true class; −1: none is known, and the columns above but CLASSES are 0.
LABEL = 5
COLUMNS = 6
# Where a class has more images, AP@R counts only those that are ranked: at most so many.
MOST_RANKED = 1000


def of(
    ranked: np.ndarray, label_ids: np.ndarray, counts: np.ndarray, held_out: np.ndarray
) -> np.ndarray:
    """Judges rankings.

    Source of AP@R: Musgrave, Belongie & Lim, "A Metric Learning Reality Check", 2020,
    https://arxiv.org/abs/2003.08505, section 3.1: the mean over the first R places of the precision at
    each place with a right image, and 0 at the others.

    Args:
      ranked: int [N, T], the classes of the gallery's images, the nearest first; −1: no image.
      label_ids: int [N], the true classes; −1: none is known.
      counts: int [K], images of each class in the gallery.
      held_out: bool [K].

    Returns:
      float64 [N, COLUMNS].
    """
    found = np.zeros([len(label_ids), COLUMNS])
    found[:, CLASSES], found[:, LABEL] = len(counts), label_ids
    known = label_ids >= 0
    found[known] = _of_known(found[known], ranked[known], label_ids[known], counts, held_out)
    return found


def _of_known(
    found: np.ndarray,
    ranked: np.ndarray,
    label_ids: np.ndarray,
    counts: np.ndarray,
    held_out: np.ndarray,
) -> np.ndarray:
    relevant = counts[label_ids] if len(label_ids) else np.zeros(0, np.int64)
    hits = ranked == label_ids[:, None]
    found[:, RANK] = np.where(hits.any(axis=1), hits.argmax(axis=1) + 1, 0) if ranked.size else 0
    # A gallery that was added to may have more of a class than the model ranks.
    bound = np.minimum(relevant, ranked.shape[1])
    places = np.arange(1, ranked.shape[1] + 1)
    precision = np.cumsum(hits, axis=1) / places
    inside = places[None, :] <= bound[:, None]
    found[:, PRECISION] = (precision * hits * inside).sum(axis=1) / np.maximum(bound, 1)
    found[:, RELEVANT] = relevant
    found[:, HELD_OUT] = held_out[label_ids] if len(label_ids) else 0
    return found


def recall(rows: np.ndarray, most: int) -> float:
    """Returns the share of images with a right one among the ``most`` nearest; NaN without images."""
    hits = (rows[:, RANK] > 0) & (rows[:, RANK] <= most)
    return float(hits.mean()) if len(rows) else float("nan")


def recall_at_1(
    queries: np.ndarray, gallery: np.ndarray, query_ids: np.ndarray, gallery_ids: np.ndarray
) -> float:
    """Returns the share of queries whose nearest image has their class; NaN without queries.

    Args:
      queries: float32 [B, D], of length 1.
      gallery: float32 [N, D], likewise.
      query_ids: int [B].
      gallery_ids: int [N].
    """
    if not len(queries) or not len(gallery):
        return float("nan")
    hits = 0
    for start in range(0, len(queries), 512):  # all cosines at once may not fit into memory
        nearest = (queries[start : start + 512] @ gallery.T).argmax(axis=1)
        hits += int((gallery_ids[nearest] == query_ids[start : start + 512]).sum())
    return hits / len(queries)
