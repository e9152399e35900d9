"""Detection: the cached recipe, and a plain Keras script of the same head and backbone.

    python benchmarks/detection.py --data-dir BOXES [--size PX] [--epochs N] [--reference-epochs N]

The data folder has boxes in any format of docs/detection.md, with a training and a test split; a
tenth of the training images is the eval split. The reference is ``model.fit`` on pixels in every
epoch: the same frozen backbone, head and loss, Adam with the same highest rate and its cosine decay,
random flips. Both begin with the same seed. mAP50 is that of the test split. Times are of processor
time divided by the cores in use, so that other work on the machine counts little; evaluation is left
out.
"""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf

from benchmarks import harness, training_set
from components.preprocess import materialise
from components.trainer import config
from components.trainer.loop import loop, phases
from components.trainer.network import model as network
from data.augment import augment_config
from data.boxes import features, resolve
from data.boxes.given import Given
from data.examples import example, examples_artifact, records
from data.graph import decoding
from data.sources import by_boxes
from tasks import task
from tasks.boxes import average_precision, matching
from tasks.boxes import decoding as boxes_decoding
from tasks.detection import calibration, head, target

TASK = "detection"
GOAL_SPEED = 4.0
EVAL_EVERY = 10  # every tenth training image
BATCH = 16


@dataclasses.dataclass(frozen=True)
class Tested:
    """The records, and the test split in memory: pixels uint8 [N, S, S, 3], targets [N, M, 6]."""

    spec: materialise.Spec
    pixels: np.ndarray
    targets: np.ndarray


def write(root: Path, scratch: Path, size: int) -> Tested:
    """Writes the records of the three splits."""
    listing = by_boxes.scan(root)
    names = listing.class_names
    spec = materialise.Spec(size, "stretch", names, {}, task=TASK)
    numbers = {name: index for index, name in enumerate(names)}
    rows: dict[str, list[bytes]] = {"train": [], "eval": [], "test": []}
    pixels, targets = [], []
    for place, file in enumerate(listing.files):
        image = decoding.decode(tf.io.read_file(str(root / file.path)))
        height, width = (int(side) for side in image.shape[:2])
        found, _ = resolve.resolve(Given.from_json(file.boxes), resolve.Size(width, height))
        encoded = features.encode(found, numbers)
        sides = {example.HEIGHT: [size], example.WIDTH: [size]}
        encoded |= {name: features.integers(value) for name, value in sides.items()}
        shown = decoding.resize(image, size, "stretch").numpy()
        split = file.split or "train"
        if split == "train" and place % EVAL_EVERY == 0:
            split = "eval"
        record = example.encode_pixels(shown, encoded, file.path.encode())
        rows[split].append(record)
        if split == "test":
            _, one = example.parse_pixels(tf.constant([record]), size, spec.annotation)
            pixels.append(shown)
            targets.append(one.numpy()[0])
    if not all(rows.values()):
        sys.exit(f"{root} needs a training and a test split.")
    counts = {
        split: records.write(
            examples_artifact.shard_path(str(scratch / "records"), split, 0, 1), of
        )
        for split, of in rows.items()
    }
    return Tested(dataclasses.replace(spec, counts=counts), np.stack(pixels), np.stack(targets))


def measure(model: keras.Model, tested: Tested) -> tuple[float, float]:
    """Measures a model, pixels → maps: mAP50, and mAP over all thresholds of IoU."""
    count, matches = len(tested.spec.labels), []
    for start in range(0, len(tested.pixels), BATCH):
        part = slice(start, start + BATCH)
        maps = model(tested.pixels[part].astype(np.float32), training=False)
        decoded = boxes_decoding.decode(maps, boxes_decoding.MAX_IOU)
        found = boxes_decoding.packed(decoded, calibration.LEAST_SCORE).numpy()
        matches += [
            matching.match(head.truth(rows), head.answered(one), count, matching.ALL)
            for rows, one in zip(tested.targets[part], found, strict=True)
        ]
    values = average_precision.per_class(average_precision.gather(matches, count))
    return average_precision.mean(values[0]), average_precision.mean(values)


class Clock:
    """Processor seconds, divided by the cores, without those of what runs in ``left_out``."""

    def __init__(self) -> None:
        self.cores = len(os.sched_getaffinity(0))
        self._start, self._out = time.process_time(), 0.0

    def now(self) -> float:
        """Returns the seconds so far."""
        return (time.process_time() - self._start - self._out) / self.cores

    def without(self, work: Callable[[], float]) -> float:
        """Runs something whose time does not count."""
        start = time.process_time()
        found = work()
        self._out += time.process_time() - start
        return found


def settings(epochs: int | None) -> config.TrainConfig:
    """Returns the task's own settings of training."""
    own = {
        name.partition(".")[2]: value
        for name, value in task.load(TASK).defaults.items()
        if name.startswith("train.")
    }
    return config.TrainConfig(**own | ({"head_epochs": epochs} if epochs else {}))


def changes() -> augment_config.AugmentConfig:
    """Returns the task's own settings of augmentation."""
    own = task.load(TASK).defaults.items()
    chosen = {name.partition(".")[2]: value for name, value in own if name.startswith("augment.")}
    return augment_config.AugmentConfig(**chosen)


def plain(tested: Tested, scratch: Path, epochs: int) -> tuple[float, float]:
    """Trains the reference; returns its mAP50 and its seconds."""
    keras.utils.set_random_seed(0)
    spec, own = tested.spec, settings(None)
    model = network.build(own, spec)

    def ready(serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, objects = example.parse_pixels(serialized, spec.size_px, spec.annotation)
        flips = tf.random.uniform([tf.shape(pixels)[0]]) < 0.5
        pixels = tf.where(flips[:, None, None, None], pixels[:, :, ::-1], pixels)
        top, left, bottom, right = tf.unstack(objects[..., target.CORNERS], axis=-1)
        turned = tf.stack([top, 1 - right, bottom, 1 - left], axis=-1)
        turned = tf.concat([turned, objects[..., target.CLASS_ID :]], axis=-1)
        return tf.cast(pixels, tf.float32), tf.where(flips[:, None, None], turned, objects)

    batches = tf.data.TFRecordDataset(training_set.files(scratch, "train")).shuffle(1024)
    batches = batches.batch(own.batch_size).map(ready).prefetch(2)
    steps = epochs * -(-spec.counts["train"] // own.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        0.0, steps - steps // 10, warmup_target=own.head_learning_rate, warmup_steps=steps // 10
    )
    clock = Clock()
    model.compile(keras.optimizers.Adam(rate), head.HEAD.loss(0.0))
    model.fit(batches, epochs=epochs, verbose=0)
    seconds = clock.now()
    return measure(model, tested)[0], seconds


def ours(
    tested: Tested, scratch: Path, epochs: int | None, goal: float
) -> tuple[float, float, float, float | None]:
    """Trains with the recipe of the task.

    Returns:
      mAP50, mAP, seconds, and seconds until mAP50 was at the goal; None: never.
    """
    clock, reached = Clock(), []

    def listen(ended: loop.EpochEnd, model: keras.Model) -> None:
        now = clock.now()
        if not reached:
            found = clock.without(lambda: measure(model, tested)[0])
            print(f"{now:.0f} s: test mAP50 {found:.3f}", file=sys.stderr, flush=True)
            if found >= goal:
                reached.append(now)

    job = training_set.job(scratch, tested.spec, 0, settings(epochs), changes(), scratch / "ours")
    model, _ = phases.train(job, listen)
    seconds = clock.now()
    map50, mean = measure(model, tested)
    return map50, mean, seconds, reached[0] if reached else None


def main() -> None:
    """Runs both and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="images and boxes")
    parser.add_argument("--size", type=int, default=320, help="side of the square, in px")
    parser.add_argument("--epochs", type=int, help="of our recipe; default: the task's")
    parser.add_argument("--reference-epochs", type=int, default=30, help="of the reference")
    arguments = parser.parse_args()
    with harness.workspace() as scratch:
        tested = write(arguments.data_dir, scratch, arguments.size)
        reference, reference_s = plain(tested, scratch, arguments.reference_epochs)
        line = f"reference: {reference:.3f} in {reference_s:.0f} s"
        print(line, file=sys.stderr, flush=True)
        map50, mean, seconds, until = ours(tested, scratch, arguments.epochs, reference)
    harness.finish(
        f"detection: time to the reference's mAP50 of {reference:.3f}; ours ends at {map50:.3f}",
        "s of two cores",
        reference_s,
        until or float("inf"),
        reference_s / until if until else 0.0,
        GOAL_SPEED,
        {
            "splits": tested.spec.counts,
            "size_px": arguments.size,
            "ours_s": round(seconds, 1),
            "map50": round(map50, 3),
            "map": round(mean, 3),
        },
    )


if __name__ == "__main__":
    main()
