"""The label loop: how many flipped labels the queue finds, what correcting them gains, what to label next.

    python benchmarks/review.py --data-dir DIR [DIR …] --weights FILE [--seeds 3] [--retrain]

Per set and seed: a split into 70 % to train on and 30 % to test on; a share of the training labels is
flipped to another class. The queue of likely label errors is computed from frozen MobileNetV2 embeddings
(160 px) by the same code as the page's, and its first 100 are looked at: 60 flipped ones among them are
wanted where at least 75 were flipped, else 60 % of them. Then the flipped ones among them get their label
back, as a person would who decides right, and the head is trained again: multinomial logistic regression
on the same embeddings, tested on clean labels. The reference is the head trained on the flipped labels.
With --retrain the pipeline's own training in two phases, its backbone included, takes the place of the
head, on the first set at the first share.

What to label next: the training images but five a class lose their labels; 100 of them (half of them,
where that is fewer) are chosen by the queue, or at random, and get their labels; the head is trained on
what is labelled, tested likewise. The seeds are --next-seeds, and of random choices three are averaged.
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
from pipeline.review import design, out_of_sample

SIZE_PX = 160
BATCH = 32
SHARES = (0.08, 0.16)
LOOKED_AT = 100
GOAL = 60  # flipped ones among them
ENOUGH = 75  # flipped ones; with fewer the goal is that share of them
LABELLED_A_CLASS = 5
TO_LABEL = 100
RANDOM_DRAWS = 3
EVAL_EVERY = 8


@dataclass(frozen=True)
class Data:
    """Embeddings float [N, D] and classes int [N] of a folder's images."""

    name: str
    rows: np.ndarray
    labels: np.ndarray
    groups: np.ndarray
    paths: list[Path]
    names: list[str]

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
    paths = [(root / file.path).resolve() for file in files]
    return Data(root.name, rows, labels, groups.ravel(), paths, names)


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


@dataclass(frozen=True)
class Flipped:
    """Training images int [N] of a set, with labels int [N] of which some are flipped, and test images."""

    train: np.ndarray
    given: np.ndarray
    places: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, data: Data, share: float, seed: int) -> "Flipped":
        """Splits a set, and flips labels."""
        rng = np.random.default_rng(seed)
        train, test = parted(data, rng)
        given = data.labels[train].copy()
        places = rng.choice(len(train), round(share * len(train)), replace=False)
        other = given[places] + rng.integers(1, data.classes, len(places))
        given[places] = other % data.classes
        return cls(train, given, places, test)

    def first(self, data: Data) -> tuple[np.ndarray, np.ndarray]:
        """Returns the places of the first images of the queue, and the labels that it suggests."""
        presence = self.given[:, None] == np.arange(data.classes)
        rows, groups = data.rows[self.train], data.groups[self.train]
        found = out_of_sample.answers(rows, presence, groups, one=True)
        doubts, best = out_of_sample.suspicion(found.probabilities, presence, one=True)
        places = np.argsort(-doubts, kind="stable")[:LOOKED_AT]
        return places, best[places]

    def corrected(self, data: Data, places: np.ndarray) -> np.ndarray:
        """Returns the labels after the flipped ones among some images got theirs back."""
        labels, hits = self.given.copy(), np.intersect1d(places, self.places)
        labels[hits] = data.labels[self.train][hits]
        return labels


def flips(data: Data, share: float, seed: int) -> dict[str, float]:
    """Flips labels, looks at the first of the queue, corrects what was flipped, trains the head again."""
    made = Flipped.of(data, share, seed)
    places, suggested = made.first(data)
    hits = np.isin(places, made.places)
    right = suggested[hits] == data.labels[made.train][places[hits]]
    chance = np.random.default_rng(seed).choice(len(made.train), LOOKED_AT, replace=False)

    def score(labels: np.ndarray) -> float:
        return accuracy(data, made.train, labels, made.test)

    return {
        "flipped": len(made.places),
        "found": int(hits.sum()),
        "found_at_random": len(np.intersect1d(chance, made.places)),
        "suggestion_right": float(right.mean()) if len(right) else 0.0,
        "before": score(made.given),
        "after": score(made.corrected(data, places)),
        "clean": score(data.labels[made.train]),
    }


def retrained(data: Data, share: float, seed: int) -> dict[str, float]:
    """Does as :func:`flips`, but trains the network in two phases, with its default settings."""
    made = Flipped.of(data, share, seed)
    places, _ = made.first(data)
    labels = {
        "before": made.given,
        "after": made.corrected(data, places),
        "clean": data.labels[made.train],
    }
    return {name: _network_accuracy(data, made, given, seed) for name, given in labels.items()}


def _network_accuracy(data: Data, made: Flipped, given: np.ndarray, seed: int) -> float:
    import keras

    from benchmarks import training_set
    from components.trainer.loop import phases
    from data.examples import dataset

    keras.backend.clear_session()
    with harness.workspace() as scratch:
        held = (
            np.arange(len(made.train)) % EVAL_EVERY == 0
        )  # for the early stop; flipped like the rest
        parts = {
            "train": (made.train[~held], given[~held]),
            "eval": (made.train[held], given[held]),
            "test": (made.test, data.labels[made.test]),
        }
        for part, (images, labels) in parts.items():
            for image, label in zip(images, labels, strict=True):
                place = scratch / "images" / part / data.names[label]
                place.mkdir(parents=True, exist_ok=True)
                path = data.paths[image]
                (place / f"{image:06d}{path.suffix}").symlink_to(path)
        spec = training_set.write_records(scratch / "images", scratch / "records", SIZE_PX)
        network, _ = phases.train(training_set.job(scratch, spec, seed), lambda *_: None)
        test = dataset.evaluation_batches(
            training_set.files(scratch, "test"), spec.counts["test"], SIZE_PX, 64, spec.annotation
        )
        return float(training_set.evaluator(network).evaluate(test).score)


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
    ours = pool[design.choose(data.rows[pool], probabilities, data.rows[start], count)]

    def score(more: np.ndarray) -> float:
        known = np.concatenate([start, more])
        return accuracy(data, known, data.labels[known], test)

    draws = [score(rng.choice(pool, count, replace=False)) for _ in range(RANDOM_DRAWS)]
    return {"start": score(start[:0]), "random": float(np.mean(draws)), "queue": score(ours)}


def means(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over the seeds, by name."""
    return {name: round(float(np.mean([row[name] for row in rows])), 4) for name in rows[0]}


def shown(name: str, rows: list[dict[str, float]]) -> dict[str, float]:
    """Prints the rows of the seeds; returns their means."""
    for seed, row in enumerate(rows):
        print(f"{name} seed {seed}: " + ", ".join(f"{k} {v:.4g}" for k, v in row.items()))
    return means(rows)


def gained(rows: list[dict[str, float]]) -> dict[str, float]:
    """The mean gain of the queue over chance, and of several seeds its standard error."""
    gains = np.array([row["queue"] - row["random"] for row in rows])
    found = {"gain": round(float(gains.mean()), 4)}
    if len(gains) > 1:
        found["error"] = round(float(gains.std(ddof=1) / np.sqrt(len(gains))), 4)
    return found


def main() -> None:
    """Measures, and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", type=Path, nargs="+", required=True, help="class folders")
    parser.add_argument(
        "--weights", type=Path, required=True, help="of MobileNetV2 without its top"
    )
    parser.add_argument("--cache", type=Path, help="folder in which embeddings are kept")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--next-seeds", type=int, default=10, help="of what to label next")
    parser.add_argument("--retrain", action="store_true", help="trains the network in two phases")
    given = parser.parse_args()
    sets = [embedded(place, given.weights, given.cache) for place in given.data_dir]
    found, active = {}, {}
    for data in sets:
        for share in SHARES:
            name = f"{data.name} {share:.0%}"
            found[name] = shown(name, [flips(data, share, seed) for seed in range(given.seeds)])
        rows = [chosen(data, seed) for seed in range(given.next_seeds)]
        active[data.name] = shown(data.name, rows) | gained(rows)
    details = {"flips": found, "label_next": active, "seeds": [given.seeds, given.next_seeds]}
    if given.retrain:
        rows = [retrained(sets[0], SHARES[0], seed) for seed in range(given.seeds)]
        details["retrained"] = shown(f"{sets[0].name} retrained", rows)
    met = min(row["found"] / min(GOAL, GOAL / ENOUGH * row["flipped"]) for row in found.values())
    first = found[f"{sets[0].name} {SHARES[0]:.0%}"]
    harness.finish(
        claim=f"flipped labels among the first {LOOKED_AT} of the queue; the worst set against its goal",
        unit="images",
        reference=first["found_at_random"],
        ours=first["found"],
        ratio=met,
        goal=1.0,
        details=details,
    )


if __name__ == "__main__":
    main()
