"""Selects the queries and neighbours that the report shows, and lays images out on a map.

Dimension letters: N images, D dimensions of a vector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.pages import parts
from tasks.retrieval import health
from tasks.similarity import answers as predictions

MOST_QUERIES = 12
# Half of the queries shown have found another class first, where there are as many.
MOST_WRONG = 8
MOST_SHOWN_NEIGHBOURS = 10
# t-SNE takes a few seconds for so many images; there, the others are left out, evenly spread.
MOST_ON_MAP = 300
# Fewer images have no neighbourhoods to unfold.
FEWEST_FOR_TSNE = 30
_COMPONENTS = 50
MOST_OF_A_CLUSTER = 6


@dataclass(frozen=True)
class Query:
    """A query with its neighbours: paths, labels and cosines, the nearest first.

    Attributes:
      path: the test image.
      label: its class; empty: none is known.
      rank: of the first right image; 0: none was found.
      neighbours: (path, label, cosine, whether the label is right).
    """

    path: str
    label: str
    rank: int
    neighbours: list[tuple[str, str, float, bool]]


@dataclass(frozen=True)
class Point:
    """An image on the map: its path, label, and place, each in 0–1."""

    path: str
    label: str
    x: float
    y: float


@dataclass(frozen=True)
class Chosen(parts.WholeImages):
    """The images that are shown.

    Attributes:
      queries: some test images with what was found, wrong ones first.
      points: test images on the map.
      method: how the map was made.
      copies: groups of gallery images whose vectors nearly coincide.
      found_copies: queries whose nearest gallery image nearly coincides with them.
      clusters: of each cluster of the gallery a few images, where there are several.
      outliers: images of the gallery that are far from all others.
    """

    queries: list[Query]
    points: list[Point]
    method: str
    copies: list[list[str]] = field(default_factory=list)
    found_copies: list[Query] = field(default_factory=list)
    clusters: list[list[str]] = field(default_factory=list)
    outliers: list[str] = field(default_factory=list)

    def paths(self) -> set[str]:
        """Returns all of them, by image/filename."""
        found = {one.path for one in [*self.queries, *self.found_copies]}
        found |= {row[0] for one in self.queries for row in one.neighbours}
        found |= {one.neighbours[0][0] for one in self.found_copies}
        found |= {path for group in (*self.copies, *self.clusters, self.outliers) for path in group}
        return found | {one.path for one in self.points}

    def explained(self, path: str) -> tuple[str, ...]:
        """Returns none: there are no heat maps."""
        return ()


def choose(found: predictions.Predictions, limits: parts.Limits) -> Chosen:
    """Selects the images to show from a model's answers."""
    ranks, valid = found.first_ranks, found.valid
    nearest = np.array([row[0] if len(row) else -1.0 for row in found.cosines])
    wrong = _ordered(np.flatnonzero(valid & (ranks != 1)), nearest)
    right = _ordered(np.flatnonzero(valid & (ranks == 1)), -nearest)
    most = min(limits.listed, MOST_QUERIES)
    shown = wrong[: max(MOST_WRONG, most - len(right))][:most]
    shown = [*shown, *right[: most - len(shown)]]
    points, method = on_map(found)
    spoiled = found.gallery.get("health") or {}
    limit = spoiled.get("copy_cosine")
    near = _ordered(np.flatnonzero(valid & (nearest >= (2 if limit is None else limit))), nearest)
    copies: Sequence[Sequence[str]] = spoiled.get("copies", [])
    structure = found.gallery.get("structure") or {}
    clusters = structure.get("typical", [])
    return Chosen(
        queries=[query(found, place, ranks[place]) for place in shown],
        points=points,
        method=method,
        copies=[list(group) for group in copies[:most]],
        found_copies=[query(found, place, ranks[place]) for place in near[:most]],
        clusters=[group[:MOST_OF_A_CLUSTER] for group in clusters] if len(clusters) > 1 else [],
        outliers=list(structure.get("named_outliers", []))[:most],
    )


def query(found: predictions.Predictions, place: int, rank: int) -> Query:
    """Returns a query with its neighbours."""
    label = label_of(found, place)
    rows = zip(
        found.neighbours[place], found.neighbour_labels[place], found.cosines[place], strict=True
    )
    neighbours = [
        (path, name, float(cosine), bool(label) and name == label) for path, name, cosine in rows
    ]
    return Query(found.paths[place], label, int(rank), neighbours[:MOST_SHOWN_NEIGHBOURS])


def label_of(found: predictions.Predictions, place: int) -> str:
    """Returns the class of a query; empty: none is known."""
    label_id = int(found.label_ids[place])
    return found.labels[label_id] if label_id >= 0 else ""


def on_map(found: predictions.Predictions) -> tuple[list[Point], str]:
    """Lays test images out on a plane; returns them, and how that was done."""
    usable = np.flatnonzero(found.valid & health.is_good(found.vectors))
    if len(usable) < 3:
        return [], ""
    places = usable[np.linspace(0, len(usable) - 1, min(MOST_ON_MAP, len(usable))).astype(int)]
    flat, method = plane(found.vectors[places])
    low, high = flat.min(axis=0), flat.max(axis=0)
    flat = (flat - low) / np.maximum(high - low, 1e-9)
    points = [
        Point(found.paths[place], label_of(found, place), float(x), float(y))
        for place, (x, y) in zip(places, flat, strict=True)
    ]
    return points, method


def plane(vectors: np.ndarray) -> tuple[np.ndarray, str]:
    """Reduces vectors [N, D] to two dimensions [N, 2]; returns them and the name of the method.

    Source: van der Maaten & Hinton, "Visualizing Data using t-SNE", JMLR 2008, by scikit-learn.
    """
    from sklearn import decomposition, manifold  # seconds to import, and only a report needs it

    count = len(vectors)
    components = min(_COMPONENTS, count, vectors.shape[1])
    if count < FEWEST_FOR_TSNE or components < 2:
        flat = decomposition.PCA(min(2, components), random_state=0).fit_transform(vectors)
        return np.pad(flat, ((0, 0), (0, 2 - flat.shape[1]))), "PCA"
    reduced = decomposition.PCA(components, random_state=0).fit_transform(vectors)
    perplexity = min(30.0, (count - 1) / 3)
    made = manifold.TSNE(2, perplexity=perplexity, init="pca", random_state=0, n_jobs=1)
    return made.fit_transform(reduced), "t-SNE"


def _ordered(places: np.ndarray, keys: np.ndarray) -> list[int]:
    """Returns places by falling key; equal keys stay in the order of the records."""
    return [int(place) for place in places[np.argsort(-keys[places], kind="stable")]]


def label_colours(labels: Sequence[str]) -> Mapping[str, str]:
    """Returns a colour for each label, as CSS has it; neighbours in the order differ most."""
    named = labels or [""]
    return {name: f"hsl({(index * 137.5) % 360:.0f} 65% 45%)" for index, name in enumerate(named)}
