"""How long an iterator of a data set takes to end: as TensorFlow makes it, and as the project does.

    python benchmarks/iterators.py [--iterators N] [--batches N]

Batches are taken from a data set with a parallel map, one every 50 ms, as a training does that is busy with each; the
claim is the time of a whole pass, of which the floor is those 50 ms a batch. The details have how long each pass
went on after its last batch.
"""

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

from benchmarks import harness
from data.examples import reading

STEP_S = 0.05


def batches(count: int, parallel: int) -> tf.data.Dataset:
    """A data set of some batches."""
    numbers = tf.data.Dataset.range(count)
    return numbers.map(tf.square, num_parallel_calls=parallel, deterministic=True)


def passed(dataset: tf.data.Dataset) -> tuple[float, float]:
    """Takes all batches; returns seconds of the pass, and those of them after the last batch."""
    start = last = time.perf_counter()
    for _ in dataset:
        time.sleep(STEP_S)
        last = time.perf_counter()
    end = time.perf_counter()
    return end - start, end - last


def main() -> None:
    """Makes the passes of both in turn."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--iterators", type=int, default=10)
    parser.add_argument("--batches", type=int, default=26)
    arguments = parser.parse_args()
    makers: dict[str, Callable[[], tf.data.Dataset]] = {
        "reference": lambda: batches(arguments.batches, tf.data.AUTOTUNE).prefetch(2),
        "ours": lambda: reading.untuned(
            batches(arguments.batches, reading.BATCHES_AT_ONCE)
        ).prefetch(2),
    }
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in makers}
    for _ in range(arguments.iterators):
        for name, made in makers.items():
            found[name].append(passed(made()))
    means = {name: statistics.mean(whole for whole, _ in rows) for name, rows in found.items()}
    ratio = means["reference"] / means["ours"]
    ends = {name: [round(end, 3) for _, end in rows] for name, rows in found.items()}
    details = {"after the last batch, s": ends, "floor_s": STEP_S * arguments.batches}
    reference, ours = means["reference"], means["ours"]
    harness.finish("a pass through a data set", "s", reference, ours, ratio, 1.0, details)


if __name__ == "__main__":
    main()
