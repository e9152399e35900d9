"""What images look like to a network, without labels: clusters, and images that are like no other.

Dimension letters: N images, D dimensions of a vector, C clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.retrieval import health

# Structure is looked for among at most so many images, evenly spread: the cost grows with the square.
MOST_COMPARED = 1000
FEWEST_COMPARED = 10
# Clusters are told apart in so many principal components. Of 160 flowers of five kinds, 8 gave five clusters,
# and 16 or 32, in which distances differ less, gave twenty.
COMPONENTS = 8
MOST_CLUSTERS = 20
# k-means cuts one cloud into parts too. Only a mean silhouette counts that exceeds by so much that of each of
# some drawn clouds: normal, with the variances of the components. Source of that null hypothesis: Liu et al.,
# "Statistical Significance of Clustering for High-Dimension, Low-Sample Size Data", JASA 2008,
# https://doi.org/10.1198/016214508000000454.
MARGIN = 0.02
CLOUDS = 5
NEIGHBOURS = 5
# Source: Iglewicz & Hoaglin, "How to Detect and Handle Outliers", 1993: a modified z-score above 3.5.
MOST_Z = 3.5
MOST_NAMED = 20
MOST_OF_A_CLUSTER = 10


@dataclass(frozen=True)
class Structure:
    """Figures about the vectors of a gallery.

    Attributes:
      compared: images that clusters and outliers were looked for among.
      clusters: C; 1: no clusters can be told apart; None: too few images.
      silhouette: the mean silhouette of the clustering with the highest, in −1–1; None: too few images.
      by_chance: the highest of drawn clouds without clusters, likewise.
      sizes: images of each cluster, the largest first.
      typical: of each cluster the images nearest to its middle; at most MOST_OF_A_CLUSTER.
      outliers: images whose nearest others are unusually far; None: too few images.
      named_outliers: the farthest of them; at most MOST_NAMED.
    """

    compared: int
    clusters: int | None
    silhouette: float | None
    by_chance: float | None
    sizes: list[int]
    typical: list[list[str]]
    outliers: int | None
    named_outliers: list[str]


def measure(vectors: np.ndarray, paths: Sequence[str]) -> Structure:
    """Measures a gallery.

    Args:
      vectors: float32 [N, D], of length 1 where an image has a vector.
      paths: of the N images.
    """
    known = np.flatnonzero(health.is_good(vectors))
    chosen = known[np.linspace(0, len(known) - 1, min(MOST_COMPARED, len(known))).astype(int)]
    if len(chosen) < FEWEST_COMPARED:
        return Structure(len(chosen), None, None, None, [], [], None, [])
    rows, names = vectors[chosen], [paths[place] for place in chosen]
    clusters, silhouette, by_chance = _clusters(rows)
    far = _outliers(rows)
    return Structure(
        compared=len(chosen),
        clusters=len(clusters),
        silhouette=silhouette,
        by_chance=by_chance,
        sizes=[len(members) for members in clusters],
        typical=[
            [names[place] for place in _typical(rows, members)[:MOST_OF_A_CLUSTER]]
            for members in clusters
        ],
        outliers=len(far),
        named_outliers=[names[place] for place in far[:MOST_NAMED]],
    )


def _clusters(rows: np.ndarray) -> tuple[list[np.ndarray], float, float]:
    """Returns the places of each cluster, the largest first, and the mean silhouette: theirs, and by chance."""
    from sklearn import decomposition  # seconds to import

    if np.ptp(rows, axis=0).max() < 1e-6:
        return [np.arange(len(rows))], 0.0, 0.0
    components = min(COMPONENTS, rows.shape[1], len(rows) - 1)
    reduced = decomposition.PCA(components, random_state=0).fit_transform(rows)
    found, silhouette = _partition(reduced)
    generator = np.random.Generator(np.random.Philox(0))
    clouds = generator.standard_normal([CLOUDS, *reduced.shape]) * reduced.std(axis=0)
    by_chance = max(_partition(cloud)[1] for cloud in clouds)
    if silhouette < by_chance + MARGIN:
        found = np.zeros(len(rows), np.int64)
    members = [np.flatnonzero(found == number) for number in np.unique(found)]
    ordered = sorted(members, key=lambda places: (-len(places), places[0]))
    return ordered, silhouette, by_chance


def _partition(reduced: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the number of each image's cluster, and the mean silhouette.

    Of k-means with 2 to MOST_CLUSTERS clusters, those with the highest are taken. Source: Rousseeuw,
    "Silhouettes", 1987, https://doi.org/10.1016/0377-0427(87)90125-7.
    """
    from sklearn import cluster, metrics

    different = len(np.unique(reduced.round(6), axis=0))
    best, highest = np.zeros(len(reduced), np.int64), 0.0
    for count in range(2, min(MOST_CLUSTERS, different - 1, len(reduced) // 2) + 1):
        found = cluster.KMeans(count, n_init=4, random_state=0).fit_predict(reduced)
        score = float(metrics.silhouette_score(reduced, found))
        if score > highest:
            best, highest = found, score
    return best, highest


def _typical(rows: np.ndarray, members: np.ndarray) -> list[int]:
    """Returns the places of a cluster's images, the nearest to its mean first."""
    own = rows[members]
    return [int(place) for place in members[np.argsort(-(own @ own.mean(axis=0)), kind="stable")]]


def _outliers(rows: np.ndarray) -> list[int]:
    """Returns the places of images that are far from their nearest others, the farthest first."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -np.inf)
    most = min(NEIGHBOURS, len(rows) - 1)
    distances = 1 - np.sort(cosines, axis=1)[:, -most:].mean(axis=1)
    middle = np.median(distances)
    spread = 1.4826 * np.median(np.abs(distances - middle))
    far = np.flatnonzero(distances - middle > MOST_Z * max(spread, 1e-6))
    return [int(place) for place in far[np.argsort(-distances[far], kind="stable")]]
