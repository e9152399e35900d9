"""Test accuracy of the training by the defaults, with this code and that of a checkout before it.

    python benchmarks/accuracy.py --before CHECKOUT [--data-dir DIR] [--other-data-dirs DIR …] [--seeds 5]

Each seed is a split of its own, the same for both; a process a training. The goal is that no set loses more than
0.3 points in the mean. The embedded digits are a set too, at 32 px.
"""

import itertools
import json
import math
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))

from benchmarks import checkout, harness, training_set

POINTS = 0.3
DIGITS_PX = 32
STEP = Path(__file__).with_name("accuracy_step.py")


def accuracy(code: Path, root: Path, scratch: Path, size: int, seed: int) -> float:
    """Trains with the code of a checkout; returns the test accuracy in 0–1."""
    printed = checkout.run(code, str(STEP), str(root), str(scratch), str(size), str(seed))
    return float(json.loads(printed.splitlines()[-1])["accuracy"])


def row(before: list[float], after: list[float]) -> dict[str, Any]:
    """Describes a set: means in percent, their difference in points and its standard error over the seeds."""
    gains = [100 * (now - then) for then, now in zip(before, after, strict=True)]
    error = statistics.stdev(gains) / math.sqrt(len(gains)) if len(gains) > 1 else None
    return {
        "before": round(100 * statistics.mean(before), 2),
        "after": round(100 * statistics.mean(after), 2),
        "points": round(statistics.mean(gains), 2),
        "standard_error": error and round(error, 2),
        "by_seed": [
            (round(100 * a, 1), round(100 * b, 1)) for a, b in zip(before, after, strict=True)
        ],
    }


def main() -> None:
    """Trains with both on every set and seed, and prints the means."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--before", type=Path, required=True, help="a checkout of older code")
    parser.add_argument("--other-data-dirs", type=Path, nargs="*", default=[], help="further sets")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--size", type=int, default=160, help="side of photographs, in pixels")
    given = parser.parse_args()
    with harness.workspace() as scratch:
        photographs = [path for path in (given.data_dir, *given.other_data_dirs) if path]
        sets = [(path.name, path.resolve(), given.size) for path in photographs]
        sets.append(("digits", harness.data_dir(None, scratch), DIGITS_PX))
        found: dict[str, dict[str, list[float]]] = {
            name: {"before": [], "after": []} for name, _, _ in sets
        }
        for seed, (name, root, size) in itertools.product(range(given.seeds), sets):
            split = scratch / name / str(seed)
            training_set.split(root, split, seed)
            for label, code in (("before", given.before.resolve()), ("after", checkout.ROOT)):
                place = scratch / f"{name}-{seed}-{label}"
                found[name][label].append(accuracy(code, split, place, size, seed))
                print(
                    f"{name} {seed} {label}: {found[name][label][-1]:.4f}",
                    file=sys.stderr,
                    flush=True,
                )
        rows = {name: row(**values) for name, values in found.items()}
    worst = min(rows, key=lambda name: rows[name]["points"])
    harness.finish(
        f"test accuracy, mean of {given.seeds} seeds, of the set that gained least ({worst})",
        "%",
        rows[worst]["before"],
        rows[worst]["after"],
        1 + (rows[worst]["points"] + POINTS) / 100,
        1.0,
        {"points": rows[worst]["points"], "allowed": -POINTS, "sets": rows},
    )


if __name__ == "__main__":
    main()
