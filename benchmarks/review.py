"""The label loop: how many flipped labels the queue finds, what correcting them gains, what to label next.

    python benchmarks/review.py --data-dir DIR --weights FILE [--other-data-dir DIR] [--seeds 3]

Per seed: a split into 70 % to train on and 30 % to test on; 8 % of the training labels are flipped to
another class. The queue of likely label errors is computed from frozen MobileNetV2 embeddings (160 px)
by the same code as the page's. Counted is the share of the flipped ones among its first 100; at least 60 %
are wanted. (8 % of the 504 training images of a set of 720 are 40, so 60 images cannot be among them.) Then the flipped ones
among them get their label back, as a person would who decides right, and the head is trained again:
multinomial logistic regression on the same embeddings, tested on clean labels. The reference is the head
trained on the flipped labels.

What to label next: the training images but five a class lose their labels; 100 of them are chosen by the
queue, or at random, and get their labels (half of them, where that is fewer); the head is trained on what is labelled, tested likewise.

The head alone is trained anew, not the network: with a frozen backbone that is the whole training.
"""

import argparse
import os
import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
from PIL import Image
from sklearn import linear_model

from benchmarks import harness
from data.sources import by_folder
from pipeline.review import core_set, out_of_sample

SIZE_PX = 160
BATCH = 32
FLIPPED_SHARE = 0.08
LOOKED_AT = 100
GOAL = 0.6  # of the flipped ones
LABELLED_A_CLASS = 5
TO_LABEL = 100


@dataclass(frozen=True)
class Data:
    """Embeddings float [N, D] and classes int [N] of a folder's images."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.labels.max()) + 1


def embedded(root: Path, weights: Path, cache: Path | None) -> Data:
    """Embeds every image of class folders; kept in ``cache``, if given."""
    files = list(by_folder.scan(root).files)
    names = sorted({file.class_name for file in files})
    labels = np.array([names.index(file.class_name) for file in files])
    kept = cache / f"{root.name}.npy" if cache else None
    if kept and kept.exists():
        rows = np.load(kept)
    else:
        import keras

        network = keras.applications.MobileNetV2(
            include_top=False,
            pooling="avg",
            input_shape=(SIZE_PX, SIZE_PX, 3),
            weights=str(weights),
        )
        parts = []
        for start in range(0, len(files), BATCH):
            pixels = np.stack([_pixels(root / one.path) for one in files[start : start + BATCH]])
            parts.append(network(pixels / 127.5 - 1, training=False).numpy())
        rows = np.concatenate(parts)
        if kept:
            np.save(kept, rows)
    # Copies share a fold, as on the page, where near-duplicates do too.
    _, groups = np.unique(rows, axis=0, return_inverse=True)
    return Data(root.name, rows, labels, groups.ravel())


def _pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        small = image.convert("RGB").resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)
        return np.asarray(small, np.float32)


def parted(data: Data, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Train and test images; copies are never parted."""
    order = rng.permutation(data.groups.max() + 1)
    rank = order[data.groups] / len(order)
    return np.flatnonzero(rank < 0.7), np.flatnonzero(rank >= 0.7)


def accuracy(data: Data, train: np.ndarray, given: np.ndarray, test: np.ndarray) -> float:
    """Accuracy on the test images of a head trained on given labels."""
    head = linear_model.LogisticRegression(C=10, max_iter=2000)
    unit = out_of_sample.unit(data.rows)
    head.fit(unit[train], given)
    return float((head.predict(unit[test]) == data.labels[test]).mean())


def flips(data: Data, seed: int) -> dict[str, float]:
    """Flips labels, looks at the first of the queue, corrects what was flipped, trains again."""
    rng = np.random.default_rng(seed)
    train, test = parted(data, rng)
    given = data.labels[train].copy()
    flipped = rng.choice(len(train), round(FLIPPED_SHARE * len(train)), replace=False)
    given[flipped] = (given[flipped] + rng.integers(1, data.classes, len(flipped))) % data.classes
    presence = given[:, None] == np.arange(data.classes)
    found = out_of_sample.answers(data.rows[train], presence, data.groups[train], one=True)
    doubts, best = out_of_sample.suspicion(found.probabilities, presence, one=True)
    first = np.argsort(-doubts, kind="stable")[:LOOKED_AT]
    hits = np.intersect1d(first, flipped)
    corrected = given.copy()
    corrected[hits] = data.labels[train][hits]
    chance = rng.choice(len(train), LOOKED_AT, replace=False)
    return {
        "flipped": len(flipped),
        "found": len(hits),
        "found_at_random": len(np.intersect1d(chance, flipped)),
        "suggestion_right": float((best[hits] == data.labels[train][hits]).mean())
        if len(hits)
        else 0,
        "before": accuracy(data, train, given, test),
        "after": accuracy(data, train, corrected, test),
        "clean": accuracy(data, train, data.labels[train], test),
    }


def chosen(data: Data, seed: int) -> dict[str, float]:
    """Labels images that the queue chose, or random ones, and trains on what is labelled."""
    rng = np.random.default_rng(seed)
    train, test = parted(data, rng)
    order = rng.permutation(train)
    start = np.concatenate(
        [order[data.labels[order] == one][:LABELLED_A_CLASS] for one in range(data.classes)]
    )
    pool = np.setdiff1d(train, start)
    count = min(TO_LABEL, len(pool) // 2)  # of nearly all nothing is left to choose
    presence = data.labels[start][:, None] == np.arange(data.classes)
    answered = out_of_sample.answers(data.rows[start], presence, np.arange(len(start)), one=True)
    head = out_of_sample.fit(data.rows[start], presence, True, answered)
    probabilities = head.probabilities(data.rows[pool])
    ours = pool[core_set.choose(data.rows[pool], probabilities, data.rows[start], count)]
    random = rng.choice(pool, count, replace=False)

    def score(more: np.ndarray) -> float:
        known = np.concatenate([start, more])
        return accuracy(data, known, data.labels[known], test)

    return {"start": score(start[:0]), "random": score(random), "queue": score(ours)}


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the seeds, by name."""
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def main() -> None:
    """Measures, and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, required=True, help="class folders")
    parser.add_argument("--other-data-dir", type=Path, help="a second set, for what to label next")
    parser.add_argument(
        "--weights", type=Path, required=True, help="of MobileNetV2 without its top"
    )
    parser.add_argument("--cache", type=Path, help="folder in which embeddings are kept")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    places = [given.data_dir, *([given.other_data_dir] if given.other_data_dir else [])]
    sets = [embedded(place, given.weights, given.cache) for place in places]
    rows = [flips(sets[0], seed) for seed in range(given.seeds)]
    for seed, row in enumerate(rows):
        print(f"{sets[0].name} seed {seed}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
    active = {}
    for data in sets:
        scores = [chosen(data, seed) for seed in range(given.seeds)]
        for seed, row in enumerate(scores):
            print(f"{data.name} seed {seed}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
        active[data.name] = means(scores)
    flipped = means(rows)
    harness.finish(
        claim=f"share of the flipped labels among the first {LOOKED_AT} of the queue",
        unit="share",
        reference=flipped["found_at_random"] / flipped["flipped"],
        ours=flipped["found"] / flipped["flipped"],
        ratio=flipped["found"] / flipped["flipped"] / GOAL,
        goal=1.0,
        details={"flips": flipped, "label_next": active, "seeds": given.seeds},
    )


if __name__ == "__main__":
    main()
