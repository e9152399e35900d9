"""A network from scratch, with the recipe of pipeline/configs/cifar10.yaml.

    python benchmarks/from_scratch.py --data-dir CIFAR10 [--backbone cnn_residual] [--epochs N]

The folder has ``train`` and ``test`` folders of classes, as CIFAR-10 has them, or classes alone,
which are split. A tenth of the training images chooses the epoch that is kept. Goal: 85 % of the
test images of the full set of 50,000 + 10,000; on a smaller set the details say what an epoch of
the full one would take at the measured speed.
"""

import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))

import keras
import numpy as np
import yaml

from benchmarks import harness, training_set
from components.trainer import config
from components.trainer.loop import loop, phases
from data.augment import augment_config
from data.examples import dataset

GOAL = 0.85
FULL_SET = 50_000
EVAL_SHARE = 0.1
RECIPE = Path(__file__).resolve().parent.parent / "pipeline" / "configs" / "cifar10.yaml"


def split(root: Path, target: Path) -> None:
    """Links the images into train, eval and test folders."""
    if not (root / "train").is_dir():
        training_set.split(root, target, 0)
        return
    for folder in sorted((root / "train").iterdir()):
        files = sorted(folder.iterdir())
        order = np.random.default_rng(0).permutation(len(files))
        for index in order:
            name = "eval" if index < EVAL_SHARE * len(files) else "train"
            place = target / name / folder.name
            place.mkdir(parents=True, exist_ok=True)
            (place / files[index].name).symlink_to(files[index].resolve())
    (target / "test").symlink_to((root / "test").resolve())


def main() -> None:
    """Trains and prints the accuracy."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--backbone", help="instead of the recipe's")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    arguments = parser.parse_args()
    recipe = yaml.safe_load(RECIPE.read_text(encoding="utf-8"))
    size = recipe["preprocess"]["size_px"]
    settings = recipe["train"]
    if arguments.backbone:
        settings["backbone"] = arguments.backbone
    if arguments.epochs:
        settings["scratch_epochs"] = arguments.epochs
    with harness.workspace() as scratch:
        root = scratch / "split"
        split(harness.data_dir(arguments.data_dir, scratch), root)
        spec = training_set.write_records(root, scratch / "records", size)
        start = time.perf_counter()

        def report(ended: loop.EpochEnd, _: keras.Model) -> None:
            last = {name: round(values[-1], 4) for name, values in ended.metrics.items()}
            print(f"{time.perf_counter() - start:.0f} s: {last}", file=sys.stderr, flush=True)

        job = training_set.job(
            scratch,
            spec,
            0,
            config.TrainConfig(**settings),
            augment_config.AugmentConfig(**recipe["augment"]),
        )
        classifier, history = phases.train(job, report)
        seconds = time.perf_counter() - start
        batches = dataset.evaluation_batches(
            training_set.files(scratch, "test"), spec.counts["test"], size, 256, spec.annotation
        )
        accuracy = training_set.evaluator(classifier).evaluate(batches).score
    speed = float(np.median(history.phases["scratch"]["images_per_s"]))
    harness.finish(
        f"{settings['backbone']} from scratch: test accuracy",
        "share of test images",
        GOAL,
        accuracy,
        accuracy / GOAL,
        1.0,
        {
            "train_images": spec.counts["train"],
            "test_images": spec.counts["test"],
            "epochs": len(history.phases["scratch"]["loss"]),
            "seconds": round(seconds, 1),
            "images_per_s": round(speed, 1),
            "minutes_an_epoch_of_50000": round(FULL_SET / speed / 60, 2),
        },
    )


if __name__ == "__main__":
    main()
