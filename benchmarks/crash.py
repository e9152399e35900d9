"""Training that is killed again and again ends with the weights of one that never was.

    python benchmarks/crash.py [--data-dir DIR] [--kills 10] [--size 64]

Trains both phases once undisturbed, cached and with fresh pixels in turn, then again in processes
that get SIGKILL at random moments, until there were ``--kills`` of them; compares the weights bit
by bit. The ratio is 1 where all are equal, else 0.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks import harness

SEED = 7
WAYS = {"cached": 2, "pixels": 0}


def train(root: Path, place: Path, size: int, views: int) -> None:
    """The child: trains, and leaves the weights in ``place``."""
    from benchmarks import training_set
    from components.trainer import config
    from components.trainer.loop import phases
    from data.augment import augment_config

    # Written by each child, from the same folder each time.
    spec = training_set.write_records(root, place.parent / "records", size)
    for split_name in ("train", "eval"):
        for name in training_set.files(place.parent, split_name):
            os.utime(name, (0, 0))  # the same records: a checkpoint is known by their times
    settings = config.TrainConfig(
        head_epochs=4,
        fine_tune_epochs=3,
        unfreeze_blocks=3,
        averaging_epochs=0.5,
        checkpoint_interval_s=0.3,
        cache=config.CacheConfig(views=views),
    )
    changes = augment_config.AugmentConfig(horizontal_flip=False)
    job = training_set.job(place.parent, spec, 0, settings, changes, place)
    classifier, _ = phases.train(job)
    np.savez(place / "weights.npz", *classifier.get_weights())


def child(root: Path, place: Path, size: int, views: int) -> subprocess.Popen[bytes]:
    """Starts a training in a process of its own."""
    place.mkdir(parents=True, exist_ok=True)
    flags = ["--child", str(place), "--data-dir", str(root), "--size", str(size)]
    command = [sys.executable, __file__, *flags, "--views", str(views)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def killed_run(
    root: Path,
    place: Path,
    size: int,
    views: int,
    kills: int,
    whole_s: float,
    generator: np.random.Generator,
) -> int:
    """Trains to the end, killed at up to ``kills`` random moments; returns how often it was."""
    done = 0
    while True:
        process = child(root, place, size, views)
        if done < kills:
            # Anywhere from its start to its end, more often while it trains.
            wait_s = generator.uniform(0.3, 1.0) * whole_s
            try:
                process.wait(wait_s)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                done += 1
                print(f"killed after {wait_s:.1f} s", file=sys.stderr, flush=True)
                continue
        if process.wait() != 0:
            raise RuntimeError(f"the training in {place} failed with code {process.returncode}")
        return done


def equal(one: Path, other: Path) -> bool:
    """Whether two trainings ended with the same weights, bit by bit."""
    with np.load(one / "weights.npz") as left, np.load(other / "weights.npz") as right:
        return all(np.array_equal(left[name], right[name]) for name in left.files)


def main() -> None:
    """Runs it and prints the result."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--views", type=int, default=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        train(arguments.data_dir, arguments.child, arguments.size, arguments.views)
        return
    from benchmarks import training_set

    generator = np.random.default_rng(SEED)
    kills, compared, same = 0, 0, 0
    with harness.workspace() as scratch:
        root = scratch / "split"
        training_set.split(harness.data_dir(arguments.data_dir, scratch), root, 0)
        whole_s = {}
        for way, views in WAYS.items():
            start = time.monotonic()
            if child(root, scratch / way / "whole", arguments.size, views).wait() != 0:
                raise RuntimeError("the undisturbed training failed")
            whole_s[way] = time.monotonic() - start
        while kills < arguments.kills:
            way = list(WAYS)[compared % len(WAYS)]
            place = scratch / way / f"killed-{compared}"
            left = min(5, arguments.kills - kills)
            kills += killed_run(
                root, place, arguments.size, WAYS[way], left, whole_s[way], generator
            )
            same += equal(scratch / way / "whole", place)
            compared += 1
            print(f"{way}: {same} of {compared} equal", file=sys.stderr, flush=True)
    harness.finish(
        "training killed at random ends with the weights of an undisturbed one",
        "trainings with equal weights",
        compared,
        same,
        float(same == compared),
        1.0,
        {"kills": kills, "trainings": compared, "undisturbed_s": whole_s},
    )


if __name__ == "__main__":
    main()
