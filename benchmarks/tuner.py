"""Thirty trials of the head: how long a search for settings takes.

    python benchmarks/tuner.py [--data-dir DIR] [--images 3000] [--trials 30] [--method bayesian]

The images of --data-dir are multiplied until there are --images for training, and decoded into
records. The features of the unchanged view, and those of one more view for each strength of
augmentation, are computed before the clock starts; both times are in the details. Then the search
that the pipeline's Tuner runs, from its classifier to its summary. The reference is the bound.
"""

import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))

from benchmarks import harness, training_set
from components.trainer.loop import training_job
from components.tuner import config as tune_config
from components.tuner import head_trials, search

BOUND_S = 120.0
GOAL = 1.0


def prepare(root: Path, scratch: Path, images: int, size: int, seed: int) -> training_job.Job:
    """Records of ``images`` training images and as many others as go with them."""
    training_set.split(root, scratch / "splits", seed)
    # Multiplied after the split: copies of one image stay in one.
    for name, share in zip(training_set.SPLITS, training_set.SHARES, strict=True):
        count = round(images * share / training_set.SHARES[0])
        harness.multiplied(scratch / "splits" / name, scratch / "images" / name, count)
    spec = training_set.write_records(scratch / "images", scratch / "records", size)
    return training_set.job(scratch, spec, seed)


def compute_features(job: training_job.Job, tune: tune_config.TuneConfig) -> dict[str, float]:
    """Fills the cache; returns the seconds of the unchanged view, and of the strengths."""
    start = time.perf_counter()
    head_trials.HeadTrials(job, strengths=1, views=1).compute(job.changes)
    unchanged = time.perf_counter()
    trials = head_trials.HeadTrials(job, len(tune.augment_strength), tune.views)
    for strength in tune.augment_strength:
        trials.compute(job.changes.scaled(strength))
    return {
        "unchanged_view_s": round(unchanged - start, 1),
        "strengths_s": round(time.perf_counter() - unchanged, 1),
    }


def run(job: training_job.Job, tune: tune_config.TuneConfig, scratch: Path) -> dict[str, Any]:
    """The search; returns its seconds and what it found."""
    start, processor = time.perf_counter(), time.process_time()
    searching = search.build(job, tune, scratch / "state", scratch / "results")
    searching.search(verbose=0)
    seconds = time.perf_counter() - start
    rows = search.summary(searching.oracle, tune, job.head)["trials"]
    present = next(row for row in rows if int(row["trial"]) == 0)
    return {
        "s": seconds,
        "processor_s": round(time.process_time() - processor, 1),
        "trials": len(rows),
        "in_trials_s": round(sum(row["seconds"] for row in rows), 1),
        "slowest_trial_s": max(row["seconds"] for row in rows),
        "present_settings": {name: present[name] for name in ("eval_loss", "eval_accuracy")},
        "best": rows[0],
    }


def main() -> None:
    """Measures and prints the claim."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--images", type=int, default=3000, help="for training")
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--trials", type=int, default=30)
    parser.add_argument("--method", default="bayesian")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    tune = tune_config.TuneConfig(trials=arguments.trials, method=arguments.method)
    with harness.workspace() as scratch:
        root = harness.data_dir(arguments.data_dir, scratch)
        job = prepare(root, scratch, arguments.images, arguments.size, arguments.seed)
        features = compute_features(job, tune)
        print(features, file=sys.stderr, flush=True)
        found = run(job, tune, scratch)
    seconds = found.pop("s")
    harness.finish(
        f"{arguments.trials} trials of the head on {job.spec.counts['train']:,} images at"
        f" {arguments.size} px, features cached",
        "s",
        BOUND_S,
        seconds,
        BOUND_S / seconds,
        GOAL,
        {
            "method": arguments.method,
            **features,
            "with_strengths_s": round(seconds + features["strengths_s"], 1),
            **found,
        },
    )


if __name__ == "__main__":
    main()
