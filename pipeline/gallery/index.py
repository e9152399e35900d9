"""Writes the gallery of a version as an index of faiss, for services of one's own that search large galleries.

The model searches its gallery exactly, so the time of a query grows with it. An index looks at the vectors that lie
near the query's alone: the gallery is parted by k-means into lists, and those with the nearest centres are searched
(Jégou, Douze & Schmid, "Product quantization for nearest neighbor search", 2011, section IV). It may miss neighbours, so
its recall is measured, on images of the gallery itself, and as many lists are searched as the recall needs.
Dimension letters: Q queries, N images of the gallery, F features, D dimensions of a vector, k neighbours.
"""

import json
import math
import statistics
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data import errors, formats
from data.files import hashing, spreadsheet
from pipeline.gallery import adding
from tasks.retrieval import gallery as galleries
from tasks.retrieval import transform as transforms

INDEX, IMAGES, ABOUT = "gallery.faiss", "images.csv", "index.json"
NEIGHBOURS = 10
LEAST_RECALL = 0.99  # of NEIGHBOURS, in the mean of the queries
_QUERIES = 200
_AT_ONCE = 16  # of them, which read the gallery together
_TIMED = 20
# What faiss wants to see of each list when it places the centres, at least and at most.
_LEAST_A_LIST, _MOST_A_LIST = 39, 64
_MISSING = "An index needs faiss: pip install faiss-cpu (the extra faiss)."


@dataclass(frozen=True)
class Measured:
    """What an index is good for.

    Attributes:
      images: N.
      lists: parts of the gallery.
      searched: of them for each query.
      recall_at_10: the share of the true ten nearest that it finds.
      queries: Q, images of the gallery that this was measured on, each without itself.
      index_ms: the median time of a query, in milliseconds.
      exact_ms: that of the product with all vectors.
    """

    images: int
    lists: int
    searched: int
    recall_at_10: float
    queries: int
    index_ms: float
    exact_ms: float

    def sentence(self) -> str:
        """Returns it in words."""
        return (
            f"Of the ten nearest it finds {formats.percent(self.recall_at_10)} in"
            f" {formats.plural(self.queries, 'query', 'queries')}, searching {self.searched:,} of"
            f" {formats.plural(self.lists, 'list')}: {self.index_ms:.2g} ms a query, and {self.exact_ms:.2g} ms"
            " by exact search."
        )


def write(version: Path, target: Path) -> Measured:
    """Writes an index, the images that its rows are, and what it is good for.

    The index takes embeddings float32 [Q, F], as the signature ``embed`` gives them, and returns cosines and rows.

    Args:
      version: the folder with saved_model.pb.
      target: a folder that is not there yet.

    Raises:
      errors.UserError: faiss is not installed, the gallery is too small, or the folder is there.
      errors.PipelineError: the gallery cannot be read, or another network made it.
    """
    faiss = library()
    if target.exists():
        raise errors.UserError(f"{target} is there already; name a new folder for the index.")
    contract, gallery = adding.read(version)
    _, made, _ = galleries.read(version, gallery.made_by)
    if len(gallery) <= NEIGHBOURS:
        raise errors.UserError(
            f"The gallery of {version} has {formats.plural(len(gallery), 'image')}; an index needs more than"
            f" {NEIGHBOURS}."
        )
    vectors = np.ascontiguousarray(gallery.vectors, np.float32)
    lists, told = parted(faiss, vectors)
    target.mkdir(parents=True)
    faiss.write_index(_of_embeddings(faiss, lists, made), str(target / INDEX))
    names = [*contract["labels"], ""]  # the last for images without a label
    with (target / IMAGES).open("w", encoding="utf-8", newline="") as file:
        add = spreadsheet.writing(file, ["row", "path", "label", "sha256"])
        columns = (gallery.paths, gallery.label_ids.tolist(), gallery.digests)
        for row, (path, label_id, digest) in enumerate(zip(*columns, strict=True)):
            add([row, path, names[label_id], digest])
    about = {
        "version": version.name,
        "made_by": gallery.made_by,
        "sha256": hashing.file_sha256(target / INDEX),
        **asdict(told),
    }
    (target / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return told


def library() -> Any:
    """Imports faiss.

    Raises:
      errors.UserError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            # Its generated classes lack what Python 3.12 wants to see of classes.
            warnings.simplefilter("ignore", DeprecationWarning)
            import faiss
    except ImportError as error:
        raise errors.UserError(_MISSING) from error
    return faiss


def parted(faiss: Any, vectors: np.ndarray) -> tuple[Any, Measured]:
    """Returns the index of vectors float32 [N, D], N above NEIGHBOURS, and what it is good for."""
    count = max(1, min(round(math.sqrt(len(vectors))), len(vectors) // _LEAST_A_LIST))
    lists = faiss.index_factory(vectors.shape[1], f"IVF{count},Flat", faiss.METRIC_INNER_PRODUCT)
    lists.cp.max_points_per_centroid = _MOST_A_LIST
    lists.train(vectors)
    lists.add(vectors)
    asked = np.random.default_rng(0).permutation(len(vectors))[:_QUERIES]
    truth = exact(vectors, asked)
    recall, lists.nprobe = 0.0, 1
    while True:
        recall = _recall(lists.search(vectors[asked], NEIGHBOURS + 1)[1], asked, truth)
        if recall >= LEAST_RECALL or lists.nprobe >= count:
            break
        lists.nprobe = min(2 * lists.nprobe, count)
    few = vectors[asked[:_TIMED]]
    return lists, Measured(
        len(vectors),
        count,
        int(lists.nprobe),
        round(recall, 4),
        len(asked),
        round(_median_ms(lambda one: lists.search(one[None], NEIGHBOURS), few), 3),
        round(_median_ms(lambda one: np.argpartition(vectors @ one, -NEIGHBOURS), few), 3),
    )


def exact(vectors: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Returns the rows of the nearest of vectors float32 [N, D] to some of them: int [Q, NEIGHBOURS].

    Args:
      vectors: of length 1.
      asked: int [Q], their rows; none is a neighbour of itself.
    """
    found = []
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        cosines = vectors @ vectors[some].T
        cosines[some, np.arange(len(some))] = -np.inf
        found.append(np.argpartition(cosines, -NEIGHBOURS, axis=0)[-NEIGHBOURS:].T)
    return np.concatenate(found)


def _recall(rows: np.ndarray, asked: np.ndarray, truth: np.ndarray) -> float:
    """Returns the mean share of the true neighbours among rows [Q, NEIGHBOURS + 1], each without its query."""
    shares = [
        len(set(found[found != row][:NEIGHBOURS]) & set(right)) / NEIGHBOURS
        for found, row, right in zip(rows, asked, truth, strict=True)
    ]
    return float(np.mean(shares))


def _of_embeddings(faiss: Any, lists: Any, made: transforms.Transform) -> Any:
    """Puts before an index of vectors [Q, D] what makes them of embeddings [Q, F], see ``Transform.apply``."""
    features = made.matrix.shape[0] if made.matrix.size else made.mean.size or lists.d
    matrix = made.matrix if made.matrix.size else np.eye(features, dtype=np.float32)
    mean = made.mean if made.mean.size else np.zeros(features, np.float32)
    linear = faiss.LinearTransform(features, matrix.shape[1], True)
    faiss.copy_array_to_vector(np.ascontiguousarray(matrix.T).ravel(), linear.A)
    faiss.copy_array_to_vector((-mean @ matrix).astype(np.float32), linear.b)
    linear.is_trained = True
    whole = faiss.IndexPreTransform(lists)
    if made.matrix.size or made.mean.size:
        whole.prepend_transform(faiss.NormalizationTransform(matrix.shape[1], 2.0))
        whole.prepend_transform(linear)
    whole.prepend_transform(faiss.NormalizationTransform(features, 2.0))
    return whole


def _median_ms(run: Callable[[np.ndarray], object], queries: np.ndarray) -> float:
    times = []
    for one in queries:
        start = time.perf_counter()
        run(one)
        times.append(1000 * (time.perf_counter() - start))
    return statistics.median(times)
