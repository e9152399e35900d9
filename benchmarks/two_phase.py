"""Two-phase transfer learning against the usual recipe as a plain Keras script.

    python benchmarks/two_phase.py [--data-dir DIR] [--size 160] [--seeds 3] [--crops 6]
        [--processor-time] [--reference-steps N [--reference-accuracy 0.9]]

The plain script: image_dataset_from_directory, augmentation layers in the model, the frozen
backbone for 10 epochs with Adam at 1e-3, then the top blocks for 10 epochs at 1e-5, BatchNorm
frozen layer by layer. In the details also the same as tutorials write it, where BatchNorm in the
unfrozen blocks trains. Ours: the same files, decoded once into records, then
components.trainer.loop.phases with its default settings. Same backbone, size, split and seeds.

The clock starts with the files and stops while the test split is looked at; imports are counted
for neither. The ratio is the time to the plain script's final test accuracy; where ours never gets
there in a seed, its whole time is taken and the claim is not met.

``--crops N`` makes a larger set of a small one: the images are split first, and N crops of each stay
in its split, so that no image is in two of them; the crops of one image are alike, so such a set is
easier than as many photographs. ``--reference-steps N`` runs so many steps of each phase of the plain
script and computes what all of them take: an estimate, which has no accuracy; then ours is timed to
``--reference-accuracy``, or only as a whole.

The floors in the details are multiply-adds divided by what a product of matrices reaches on the
machine, see training_floor.py.
"""

import argparse
import os
import shutil
import statistics
import sys
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))

import keras

from benchmarks import harness, plain_recipe, training_floor, training_set
from components.trainer.loop import loop, phases
from data.examples import dataset

GOAL, WHOLE_GOAL, POINTS_GOAL = 25.0, 10.0, 2.0


class Moment(NamedTuple):
    """The end of an epoch: its phase, seconds since the start, those of them for features, test accuracy."""

    phase: str
    s: float
    features_s: float
    accuracy: float


def ours(
    root: Path,
    scratch: Path,
    arguments: argparse.Namespace,
    seed: int,
    wanted: float | None,
    speed: float,
) -> dict[str, Any]:
    """The pipeline's training; returns accuracies and seconds, and when it first had ``wanted``."""
    keras.backend.clear_session()
    size, clock = arguments.size, made_clock(arguments)
    spec = training_set.write_records(root, scratch / "records", size)
    decoded_s = clock.seconds()
    test = dataset.evaluation_batches(
        training_set.files(scratch, "test"), spec.counts["test"], size, 64, spec.annotation
    )
    course: list[Moment] = []
    features = training_floor.Stopwatch(clock.now)

    def accuracy(classifier: keras.Model) -> float:
        return training_set.evaluator(classifier).evaluate(test).score

    def report(ended: loop.EpochEnd, classifier: keras.Model) -> None:
        at, phase = clock.seconds(), ended.phase.name
        found = clock.paused(lambda: accuracy(classifier))
        course.append(Moment(phase, at, features.seconds, found))

    job = training_set.job(scratch, spec, seed)
    with features.on():
        classifier, history = phases.train(job, report)
    seconds = clock.seconds()
    reached = [one.s for one in course if wanted is not None and one.accuracy >= wanted - 1e-9]
    head = [one for one in course if one.phase == "head"]
    costs = training_floor.Costs.of(job.config, size)
    needed = training_floor.of_ours(costs, spec.counts, job.cache_dir, len(course) - len(head))
    measured = parts(head[0], head[-1], decoded_s, seconds, features.seconds)
    return {
        "accuracy": accuracy(classifier),
        "s": seconds,
        "reached_s": min(reached, default=None),
        "decoded_s": decoded_s,
        "first_epoch_s": head[0].s,
        "first_epoch_accuracy": head[0].accuracy,
        "head_s": head[-1].s,
        "head_accuracy": head[-1].accuracy,
        "course": [(one.phase, round(one.s, 1), round(one.accuracy, 4)) for one in course],
        "cache": history.cache,
        "kept": history.kept,
        "floors": training_floor.table(needed, measured, speed),
        "gigabytes": training_floor.gigabytes(spec.counts, size, job.cache_dir),
    }


def parts(
    first: Moment, last: Moment, decoded_s: float, seconds: float, features_s: float
) -> dict[str, float]:
    """Returns the seconds of each part of a training; features are taken out of the others.

    Args:
      first: the first epoch of phase 1.
      last: its last epoch.
      decoded_s: until the records were written.
      seconds: of the whole.
      features_s: of all features.
    """
    return {
        "decode": decoded_s,
        "features": features_s,
        "build, trace, solve": first.s - decoded_s - first.features_s,
        "head": last.s - first.s - (last.features_s - first.features_s),
        "fine_tune": seconds - last.s - (features_s - last.features_s),
    }


def reference(
    root: Path, arguments: argparse.Namespace, seed: int, as_in_tutorials: bool
) -> dict[str, Any]:
    """The plain recipe, or an estimate of its time."""
    clock = made_clock(arguments)
    recipe = plain_recipe.Recipe(root, arguments.size, seed, as_in_tutorials, clock)
    if not arguments.reference_steps:
        return recipe.run()
    return {**recipe.estimate(arguments.reference_steps), "accuracy": arguments.reference_accuracy}


def made_clock(arguments: argparse.Namespace) -> plain_recipe.Clock:
    """Starts the clock that the arguments name."""
    cores = len(os.sched_getaffinity(0)) if arguments.processor_time else 0
    return plain_recipe.Clock(cores)


def main() -> None:
    """Runs both for every seed and prints the medians."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--crops", type=int, default=0, help="crops of each image; 0: the images")
    parser.add_argument(
        "--processor-time", action="store_true", help="divided by the cores, for busy machines"
    )
    parser.add_argument("--reference-steps", type=int, default=0, help="0: the whole reference")
    parser.add_argument("--reference-accuracy", type=float, help="in 0–1, with --reference-steps")
    parser.add_argument("--without-tutorial", action="store_true", help="skip that reference")
    arguments = parser.parse_args()
    rows = []
    speed = training_floor.gmacs(made_clock(arguments).now)
    with harness.workspace() as scratch:
        root = harness.data_dir(arguments.data_dir, scratch)
        for seed in range(arguments.seeds):
            target = scratch / f"split-{seed}"
            training_set.split(root, target, seed)
            if arguments.crops:
                target = training_set.crops(target, scratch / f"crops-{seed}", arguments.crops)
            row = {"plain": reference(target, arguments, seed, as_in_tutorials=False)}
            print(f"seed {seed} plain: {row['plain']}", file=sys.stderr, flush=True)
            if seed == 0 and not arguments.without_tutorial:
                row["tutorial"] = reference(target, arguments, seed, as_in_tutorials=True)
                print(f"seed {seed} as in tutorials: {row['tutorial']}", file=sys.stderr)
            place = scratch / f"ours-{seed}"
            row["ours"] = ours(target, place, arguments, seed, row["plain"]["accuracy"], speed)
            shutil.rmtree(place)
            print(f"seed {seed} ours: {row['ours']}", file=sys.stderr, flush=True)
            rows.append(row)
    report(rows, arguments, speed)


def report(rows: list[dict[str, Any]], arguments: argparse.Namespace, speed: float) -> None:
    """Prints the claim."""
    median = statistics.median
    times = [row["ours"]["reached_s"] or row["ours"]["s"] for row in rows]
    ratio = median([row["plain"]["s"] / s for row, s in zip(rows, times, strict=True)])
    reached = all(row["ours"]["reached_s"] for row in rows)
    whole = median([row["plain"]["s"] / row["ours"]["s"] for row in rows])
    known = all(row["plain"]["accuracy"] is not None for row in rows)
    points = None
    if known:
        gains = [row["ours"]["accuracy"] - row["plain"]["accuracy"] for row in rows]
        points = round(100 * statistics.mean(gains), 2)
    to = "the plain recipe's final test accuracy" if known else "the end, accuracy unknown"
    harness.finish(
        f"two-phase training: {'processor' if arguments.processor_time else 'wall'} time to {to}",
        "s",
        median([row["plain"]["s"] for row in rows]),
        median(times),
        ratio if reached else min(ratio, 0.999 * GOAL),
        GOAL,
        {
            "reference": f"estimated from {arguments.reference_steps} steps a phase"
            if arguments.reference_steps
            else "run",
            "images": f"{arguments.crops} crops of each, made after the split"
            if arguments.crops
            else "as they are",
            "reached_in_every_seed": reached,
            "whole_ratio": round(whole, 2),
            "whole_goal": WHOLE_GOAL,
            "points_more": points,
            "points_goal": POINTS_GOAL,
            "whole_met": points is not None and whole >= WHOLE_GOAL and points >= POINTS_GOAL,
            "gmac_per_s": round(speed, 1),
            "seeds": rows,
        },
    )


if __name__ == "__main__":
    main()
