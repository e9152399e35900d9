"""What spoils a search, whatever the queries: bad vectors, collapse, hubs, copies.

Dimension letters: N images, D dimensions of a vector.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Hubs and copies are looked for among at most so many images, evenly spread: the cost grows with the square.
MOST_COMPARED = 5000
NEIGHBOURS = 10
# Two images count as copies from the cosine on that leaves so much of the usual distance: a photograph
# in another size or compression is nearer to itself, other photographs hardly ever are.
COPY_SHARE = 0.03
MOST_GROUPS = 20
MOST_OF_A_GROUP = 10
_AT_ONCE = 512


@dataclass(frozen=True)
class Health:
    """Figures about the vectors of a gallery.

    Attributes:
      bad: images with a vector of zeros, or with a value that is no number.
      mean_cosine: of two different images; near to 1 all images look alike to the network.
      hub_share: the share of images that have the most frequent neighbour among their ten nearest;
        10 / N where all are neighbours equally often.
      hub: that neighbour's path.
      copy_cosine: from this cosine on, two images count as copies.
      copies: groups of paths whose vectors nearly coincide, the largest first; at most MOST_GROUPS.
      copied: images in any such group.
      compared: images that hubs and copies were looked for among.
    """

    bad: int
    mean_cosine: float | None
    hub_share: float | None
    hub: str
    copy_cosine: float | None
    copies: list[list[str]]
    copied: int
    compared: int


def measure(vectors: np.ndarray, paths: Sequence[str]) -> Health:
    """Measures a gallery.

    Args:
      vectors: float32 [N, D], of length 1 where an image has a vector.
      paths: of the N images.
    """
    good = is_good(vectors)
    known = np.flatnonzero(good)
    bad = int((~good).sum())
    chosen = known[np.linspace(0, len(known) - 1, min(MOST_COMPARED, len(known))).astype(int)]
    if len(chosen) < 2:
        return Health(bad, None, None, "", None, [], 0, len(chosen))
    mean = mean_cosine(vectors[known]) or 0.0
    limit = 1 - COPY_SHARE * (1 - mean)
    found, pairs = _compared(vectors[chosen], limit)
    occurrences = np.bincount(found.ravel(), minlength=len(chosen))
    groups = _groups(pairs, len(chosen))
    names = [[paths[chosen[place]] for place in group[:MOST_OF_A_GROUP]] for group in groups]
    return Health(
        bad=bad,
        mean_cosine=mean,
        hub_share=float(occurrences.max() / len(chosen)),
        hub=paths[chosen[int(occurrences.argmax())]],
        copy_cosine=limit,
        copies=names[:MOST_GROUPS],
        copied=sum(map(len, groups)),
        compared=len(chosen),
    )


def is_good(vectors: np.ndarray) -> np.ndarray:
    """Returns which vectors can be compared, bool [N]: finite, and not zero."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isfinite(vectors).all(axis=1) & (np.abs(vectors).sum(axis=1) > 0))


def mean_cosine(vectors: np.ndarray) -> float | None:
    """Returns the mean cosine of two different vectors of length 1; None for fewer than two.

    It follows from the sum of the vectors: |Σ x|² is N plus the cosines of all ordered pairs.
    """
    count = len(vectors)
    if count < 2:
        return None
    total = vectors.sum(axis=0, dtype=np.float64)
    return float((total @ total - count) / (count * (count - 1)))


def _compared(vectors: np.ndarray, limit: float) -> tuple[np.ndarray, list[tuple[int, int]]]:
    """Returns each vector's nearest others, int [N, k], and the pairs from a cosine of ``limit`` on."""
    count = len(vectors)
    most = min(NEIGHBOURS, count - 1)
    nearest = np.empty([count, most], np.int64)
    pairs: list[tuple[int, int]] = []
    for start in range(0, count, _AT_ONCE):
        cosines = vectors[start : start + _AT_ONCE] @ vectors.T
        rows = np.arange(len(cosines))
        cosines[rows, start + rows] = -np.inf
        nearest[start : start + _AT_ONCE] = np.argpartition(-cosines, most - 1, axis=1)[:, :most]
        for one, other in np.argwhere(cosines >= limit):
            if start + one < other:
                pairs.append((start + int(one), int(other)))
    return nearest, pairs


def _groups(pairs: Sequence[tuple[int, int]], count: int) -> list[list[int]]:
    """Returns the connected groups of more than one, the largest first."""
    from scipy import sparse
    from scipy.sparse import csgraph

    if not pairs:
        return []
    rows, columns = np.array(pairs).T
    links = sparse.coo_matrix((np.ones(len(rows), bool), (rows, columns)), shape=(count, count))
    _, group_ids = csgraph.connected_components(links, directed=False)
    members: dict[int, list[int]] = {}
    for place in sorted({*rows.tolist(), *columns.tolist()}):
        members.setdefault(int(group_ids[place]), []).append(place)
    return sorted(members.values(), key=lambda group: (-len(group), group))
