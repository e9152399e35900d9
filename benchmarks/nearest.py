"""The time of a search: the product with the whole gallery, against an index of faiss with measured recall.

    python benchmarks/nearest.py --data-dir DIR [DIR …] --weights FILE [--sizes N …] [--dimensions D …] [--cache DIR]

The gallery is drawn: each vector is a random mixture of an embedding of the photographs (MobileNetV2, 160 px) and three of
its ten nearest, with a tenth of the difference of two others added. So it lies about as the embeddings do, which random
vectors do not. Fewer dimensions are principal components. Ours is the search of the exported graph, for one query and for
eight at once; the reference is the index that ``python -m pipeline.gallery index`` writes. Processor time of one thread.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import tensorflow as tf

from benchmarks import harness, review
from pipeline.gallery import index
from tasks.retrieval import gallery as galleries
from tasks.retrieval import search, transform

NEAR = 10
PARTS = 4  # of a mixture
AT_ONCE = 20_000
REPEATS = 20


def drawn(rows: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draws vectors float32 [count, D] that lie as rows float32 [N, D] do."""
    generator = np.random.default_rng(seed)
    near = np.argsort(-(rows @ rows.T), axis=1)[:, 1 : 1 + NEAR]
    found = np.empty([count, rows.shape[1]], np.float32)
    for start in range(0, count, AT_ONCE):
        some = min(AT_ONCE, count - start)
        first, *others = generator.integers(0, len(rows), [3, some])
        weights = generator.dirichlet(np.full(PARTS, 0.7), some).astype(np.float32)
        mixed = weights[:, :1] * rows[first] + 0.1 * (rows[others[0]] - rows[others[1]])
        for part in range(1, PARTS):
            chosen = near[first, generator.integers(0, NEAR, some)]
            mixed += weights[:, part : part + 1] * rows[chosen]
        found[start : start + some] = transform.unit(mixed)
    return found


def ms(run: Callable[[int], object]) -> float:
    """Processor time of a call in milliseconds, after one to warm up."""
    run(0)
    start = time.process_time()
    for number in range(REPEATS):
        run(number)
    return round(1000 * (time.process_time() - start) / REPEATS, 2)


def measured(rows: np.ndarray, size: int) -> dict[str, float]:
    """All figures of a gallery of a size, drawn from rows float32 [N, D] of length 1."""
    vectors, queries = drawn(rows, size, 1), drawn(rows, 8 * REPEATS, 2)
    gallery = galleries.Gallery(vectors, np.zeros(size, np.int32), [""], [""], "")
    stored = galleries.Variables(gallery, transform.Transform.identity())
    ours = tf.function(lambda some: search.nearest(some, stored, index.NEIGHBOURS), autograph=False)
    found = {
        "one_query_ms": ms(lambda n: ours(tf.constant(queries[n : n + 1]))),
        "of_eight_ms": round(ms(lambda n: ours(tf.constant(queries[8 * n : 8 * n + 8]))) / 8, 2),
    }
    start = time.process_time()
    lists, told = index.parted(index.library(), vectors)
    return {
        **found,
        "index_ms": ms(lambda n: lists.search(queries[n : n + 1], index.NEIGHBOURS)),
        "index_recall": told.recall_at_10,
        "index_searched": told.searched / told.lists,
        "index_made_s": round(time.process_time() - start, 1),
    }


def main() -> None:
    """Measures, and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, nargs="+", required=True, help="class folders")
    parser.add_argument("--weights", type=Path, required=True, help="of MobileNetV2, without top")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1280, 128])
    parser.add_argument("--cache", type=Path, help="folder in which embeddings are kept")
    given = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    sets = [review.embedded(place, given.weights, given.cache) for place in given.data_dir]
    rows = transform.unit(np.concatenate([one.rows for one in sets]))
    found: dict[str, dict[str, float]] = {}
    for dimensions in given.dimensions:
        part = rows
        if dimensions < rows.shape[1]:
            part = transform.unit(rows @ transform.principal(rows, dimensions))
        for size in given.sizes:
            name = f"{size} x {dimensions}"
            found[name] = row = measured(part, size)
            print(f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in row.items()))
            sys.stdout.flush()
    last = found[f"{given.sizes[-1]} x {given.dimensions[0]}"]
    harness.finish(
        claim="a query of the exact search, against an index of faiss, on the largest gallery",
        unit="ms of processor time",
        reference=last["index_ms"],
        ours=last["one_query_ms"],
        ratio=last["index_ms"] / last["one_query_ms"],
        goal=0,
        details=found,
    )


if __name__ == "__main__":
    main()
