"""Detection: the cached recipe, and a plain Keras script of the same head and backbone.

    python benchmarks/detection.py --data-dir BOXES [--size PX] [--epochs N] [--reference-epochs N]

The data folder has boxes in any format of docs/detection.md, with a training and a test split; a
tenth of the training images is the eval split. The reference is ``model.fit`` on pixels in every
epoch, in two phases as tutorials have them: the head on the frozen backbone with Adam at 1e-3, then
the same blocks as ours unfrozen at 1e-4, BatchNorm frozen. It has the same head, loss, batches and
augmentation; each phase ends when the eval split's mAP50 has not risen for PATIENCE epochs, and its
best weights are kept. Both begin with the same seed. mAP50 is that of the test split. Times are of
processor time divided by the cores in use, so that other work on the machine counts little;
measuring the test split is left out. The ratio is of the reference's whole time; ``ratio_to_kept_epoch``
is of the time until the epoch whose weights it keeps.
"""

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from data import tensorflow_environment

os.environ.update(tensorflow_environment.defaults("3"))

import keras
import numpy as np
import tensorflow as tf

from benchmarks import harness, training_set
from components.preprocess import materialise
from components.trainer import config
from components.trainer.backbones import registry
from components.trainer.loop import loop, phases
from components.trainer.network import model as network
from data.augment import augment, augment_config
from data.boxes import features, resolve
from data.boxes.given import Given
from data.examples import example, examples_artifact, records
from data.graph import decoding
from data.sources import by_boxes
from tasks import task
from tasks.boxes import average_precision, matching
from tasks.boxes import decoding as boxes_decoding
from tasks.detection import calibration, head

TASK = "detection"
GOAL_SPEED = 4.0
EVAL_EVERY = 10  # every tenth training image
BATCH = 16
# Of the reference: the highest rate of each phase, and epochs without a higher eval mAP50.
RATES = {"head": 1e-3, "fine_tune": 1e-4}
PATIENCE = 10


@dataclasses.dataclass(frozen=True)
class Held:
    """The records, and a split in memory: pixels uint8 [N, S, S, 3], targets [N, M, 6]."""

    spec: materialise.Spec
    pixels: np.ndarray
    targets: np.ndarray


def write(root: Path, scratch: Path, size: int) -> dict[str, Held]:
    """Writes the records of the three splits; returns the eval and the test split."""
    listing = by_boxes.scan(root)
    names = listing.class_names
    spec = materialise.Spec(size, "stretch", names, {}, task=TASK)
    numbers = {name: index for index, name in enumerate(names)}
    rows: dict[str, list[bytes]] = {"train": [], "eval": [], "test": []}
    pixels: dict[str, list[np.ndarray]] = {"eval": [], "test": []}
    targets: dict[str, list[np.ndarray]] = {"eval": [], "test": []}
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
        if split in pixels:
            _, one = example.parse_pixels(tf.constant([record]), size, spec.annotation)
            pixels[split].append(shown)
            targets[split].append(one.numpy()[0])
    if not all(rows.values()):
        sys.exit(f"{root} needs a training and a test split.")
    counts = {
        split: records.write(
            examples_artifact.shard_path(str(scratch / "records"), split, 0, 1), of
        )
        for split, of in rows.items()
    }
    spec = dataclasses.replace(spec, counts=counts)
    return {
        split: Held(spec, np.stack(pixels[split]), np.stack(targets[split])) for split in pixels
    }


def measure(model: keras.Model, held: Held) -> tuple[float, float]:
    """Measures a model, pixels → maps: mAP50, and mAP over all thresholds of IoU."""
    count, matches = len(held.spec.labels), []
    for start in range(0, len(held.pixels), BATCH):
        part = slice(start, start + BATCH)
        maps = model.predict_on_batch(held.pixels[part].astype(np.float32))
        decoded = boxes_decoding.decode(maps)
        found = boxes_decoding.packed(decoded, calibration.LEAST_SCORE).numpy()
        matches += [
            matching.match(head.truth(rows), head.answered(one), count, matching.ALL)
            for rows, one in zip(held.targets[part], found, strict=True)
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


def settings(epochs: int | None = None) -> config.TrainConfig:
    """Returns the task's own settings of training; ``epochs`` replaces those of phase 2."""
    own = {
        name.partition(".")[2]: value
        for name, value in task.load(TASK).defaults.items()
        if name.startswith("train.")
    }
    return config.TrainConfig(**own | ({"fine_tune_epochs": epochs} if epochs else {}))


def changes() -> augment_config.AugmentConfig:
    """Returns the task's own settings of augmentation."""
    own = task.load(TASK).defaults.items()
    chosen = {name.partition(".")[2]: value for name, value in own if name.startswith("augment.")}
    return augment_config.AugmentConfig(**chosen)


class Watch(keras.callbacks.Callback):
    """Stops a phase when the eval split's mAP50 has not risen for PATIENCE epochs; keeps the best."""

    def __init__(self, phase: str, held: Held, clock: Clock) -> None:
        super().__init__()
        self.phase, self.held, self.clock = phase, held, clock
        self.best, self.best_epoch, self.best_s = -1.0, 0, 0.0
        self.epochs = 0
        self._weights: list[np.ndarray] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Measures the eval split."""
        found = measure(self.model, self.held)[0]
        self.epochs = epoch + 1
        if found > self.best:
            self.best, self.best_epoch, self._weights = found, self.epochs, self.model.get_weights()
            self.best_s = self.clock.now()
        line = f"{self.clock.now():.0f} s, reference, {self.phase} {self.epochs}: eval {found:.3f}"
        print(line, file=sys.stderr, flush=True)
        if self.epochs - self.best_epoch >= PATIENCE:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Restores the best weights."""
        self.model.set_weights(self._weights)


@dataclasses.dataclass(frozen=True)
class Plain:
    """The reference: mAP50, seconds of all, seconds until the kept epoch, epochs of both phases."""

    map50: float
    seconds: float
    kept_s: float
    epochs: list[int]
    kept_epochs: list[int]
    converged: bool


def plain(held: Held, tested: Held, scratch: Path, most: int) -> Plain:
    """Trains the reference for at most so many epochs a phase."""
    keras.utils.set_random_seed(0)
    spec, own, change = tested.spec, settings(), changes()

    def ready(index: tf.Tensor, serialized: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        pixels, objects = example.parse_pixels(serialized, spec.size_px, spec.annotation)
        drawn = tf.random.uniform([], maxval=1 << 30, dtype=tf.int64)
        draws = augment.batch_draws(tf.stack([drawn, index]), tf.shape(pixels)[0])
        objects = spec.annotation.moved(objects, draws, change)
        return tf.cast(augment.apply(pixels, draws, change), tf.float32), objects

    batches = tf.data.TFRecordDataset(training_set.files(scratch, "train")).cache()
    batches = batches.shuffle(spec.counts["train"]).batch(own.batch_size).enumerate()
    batches = batches.map(ready, num_parallel_calls=tf.data.AUTOTUNE)
    steps = -(-spec.counts["train"] // own.batch_size)
    batches = batches.apply(tf.data.experimental.assert_cardinality(steps)).prefetch(2)
    clock, watches = Clock(), []
    model = network.build(own, spec)
    backbone = model.get_layer(network.BACKBONE_LAYER)
    for phase, rate in RATES.items():
        if phase == "fine_tune":
            ends = registry.REGISTRY[own.backbone].block_ends
            network.unfreeze_top(backbone, ends, own.unfreeze_blocks)
        model.compile(keras.optimizers.Adam(rate), head.HEAD.loss(0.0))
        watch = Watch(phase, held, clock)
        model.fit(batches, epochs=most, verbose=0, callbacks=[watch])
        watches.append(watch)
    seconds = clock.now()
    return Plain(
        measure(model, tested)[0],
        seconds,
        watches[-1].best_s,
        [one.epochs for one in watches],
        [one.best_epoch for one in watches],
        all(one.epochs - one.best_epoch >= PATIENCE for one in watches),
    )


def ours(
    tested: Held, scratch: Path, epochs: int | None, goal: float
) -> tuple[float, float, float, float | None]:
    """Trains with the recipe of the task.

    Returns:
      mAP50, mAP, seconds, and seconds until mAP50 was at the goal; None: never.
    """
    clock = Clock()
    reached: list[float] = []

    def listen(ended: loop.EpochEnd, model: keras.Model) -> None:
        now = clock.now()
        if not reached:
            found = clock.without(lambda: measure(model, tested)[0])
            shown = ended.metrics[f"val_{head.HEAD.score}"][-1]
            line = f"{now:.0f} s, ours, {ended.phase.name}: eval mAP {shown:.3f}, test {found:.3f}"
            print(line, file=sys.stderr, flush=True)
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
    parser.add_argument("--epochs", type=int, help="of our phase 2; default: the task's")
    parser.add_argument("--reference-epochs", type=int, default=100, help="most of each phase")
    arguments = parser.parse_args()
    with harness.workspace() as scratch:
        splits = write(arguments.data_dir, scratch, arguments.size)
        tested = splits["test"]
        reference = plain(splits["eval"], tested, scratch, arguments.reference_epochs)
        print(f"reference: {reference}", file=sys.stderr, flush=True)
        map50, mean, seconds, until = ours(tested, scratch, arguments.epochs, reference.map50)
    harness.finish(
        f"detection: time to the reference's mAP50 of {reference.map50:.3f}; ours ends at {map50:.3f}",
        "s of two cores",
        reference.seconds,
        until or float("inf"),
        reference.seconds / until if until else 0.0,
        GOAL_SPEED,
        {
            "splits": tested.spec.counts,
            "size_px": arguments.size,
            "reference": dataclasses.asdict(reference),
            "ratio_to_kept_epoch": round(reference.kept_s / until, 2) if until else 0.0,
            "ours_s": round(seconds, 1),
            "map50": round(map50, 3),
            "map": round(mean, 3),
        },
    )


if __name__ == "__main__":
    main()
