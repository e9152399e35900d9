"""The head of phase 1 solved at once, against steps from random weights, on the same cached features.

    python benchmarks/solved_head.py [--data-dir DIR] [--size 160] [--seeds 5] [--views 3]

Phase 1 alone, with its default settings otherwise; a seed is a split, too. Points are test accuracy, means
over the seeds; seconds are those of phase 1 after the features are there.
"""

import os
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))

import keras

from benchmarks import harness, training_set
from components.trainer import config
from components.trainer.loop import phases
from data.examples import dataset

POINTS_GOAL = 2.0
STARTS = ("random", "solved")


def main() -> None:
    """Trains both heads on every split and prints their accuracies."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--views", type=int, default=3)
    arguments = parser.parse_args()
    found: dict[str, list[float]] = {name: [] for name in STARTS}
    seconds: dict[str, list[float]] = {name: [] for name in STARTS}
    with harness.workspace() as scratch:
        root = harness.data_dir(arguments.data_dir, scratch)
        for seed in range(arguments.seeds):
            place = scratch / str(seed)
            training_set.split(root, place / "split", seed)
            spec = training_set.write_records(place / "split", place / "records", arguments.size)
            test = dataset.evaluation_batches(
                training_set.files(place, "test"),
                spec.counts["test"],
                arguments.size,
                64,
                spec.annotation,
            )
            # The first training computes the features that the others find, and is not counted.
            for turn, name in enumerate((STARTS[0], *STARTS)):
                keras.backend.clear_session()
                settings = config.TrainConfig(
                    head_start=name,
                    fine_tune_epochs=0,
                    cache=config.CacheConfig(views=arguments.views),
                )
                job = training_set.job(place, spec, seed, settings)
                job.forget()
                start = time.perf_counter()
                classifier, _ = phases.train(job)
                took = time.perf_counter() - start
                score = training_set.evaluator(classifier).evaluate(test).score
                if turn:
                    found[name].append(score)
                    seconds[name].append(took)
    report(found, seconds)


def report(found: dict[str, list[float]], seconds: dict[str, list[float]]) -> None:
    """Prints the claim."""
    means = {name: 100 * statistics.mean(values) for name, values in found.items()}
    points = means["solved"] - means["random"]
    harness.finish(
        "test accuracy of phase 1: the head solved, against steps",
        "%",
        means["random"],
        means["solved"],
        points / POINTS_GOAL,
        1.0,
        {
            "points_more": round(points, 2),
            "accuracies": {name: [round(v, 4) for v in values] for name, values in found.items()},
            "seconds": {name: round(statistics.median(v), 2) for name, v in seconds.items()},
        },
    )


if __name__ == "__main__":
    main()
