"""Segmentation of a drive: the cached two-phase recipe, a U-Net from scratch, and no cache.

    python benchmarks/segmentation.py --data-dir DRIVE [--size PX] [--void 11] [--scratch-epochs N]
        [--no-uncached]

The images in the order of their names are one drive: its last quarter is the test split, the fifth of
the rest that comes just before it the eval split, and frames are never mixed. The reference is a
plain Keras U-Net of about our number of parameters (``tf.keras`` layers, Adam at 1e-3, random flips,
cross-entropy without void, the epoch with the best eval loss, until PATIENCE epochs bring no better one or the
most epochs are over). The same recipe without the cache is the third. Mean IoU is that of the test split at
the full size of its masks. Times are of processor time divided by the cores in use, so that other
work on the machine counts little; evaluation is left out.
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
from keras import layers

from benchmarks import harness, training_set
from components.preprocess import materialise
from components.trainer import config
from components.trainer.loop import loop, phases
from data.augment import augment_config
from data.examples import example, examples_artifact, records
from data.graph import decoding, mask_geometry
from data.images import decode, decode_config
from data.masks import VOID, convert, mask_file
from data.masks import config as mask_config
from data.sources import by_mask
from tasks import task
from tasks.segmentation.figures import pixels

TASK = "segmentation"
GOAL_POINTS, GOAL_SPEED = 0.10, 4.0
TEST_SHARE, EVAL_SHARE = 0.25, 0.2
CHANGES = augment_config.AugmentConfig(rotation_degrees=5)
LIMITS = decode_config.Limits()
DEFAULTS = task.load(TASK).defaults
PATIENCE = 30


@dataclasses.dataclass(frozen=True)
class Drive:
    """The frames in order.

    Attributes:
      spec: of the records.
      tested: images uint8 [S, S, 3] and true masks uint8 [H, W] of the test split.
    """

    spec: materialise.Spec
    tested: list[tuple[np.ndarray, np.ndarray]]


def write(root: Path, scratch: Path, size: int, void: list[int]) -> Drive:
    """Writes the records of the three splits."""
    from data.layout import config as folder_config

    settings = folder_config.FolderConfig(masks=mask_config.MaskConfig(void=void))
    listing = by_mask.scan(root, settings)
    if listing.masks is None:
        sys.exit(f"{root} holds no image with a mask.")
    encoding, names = listing.masks.encoding, listing.class_names
    first_test = round(len(listing.files) * (1 - TEST_SHARE))
    first_eval = round(first_test * (1 - EVAL_SHARE))
    spec = materialise.Spec(size, "stretch", names, {}, task=TASK)
    rows: dict[str, list[bytes]] = {"train": [], "eval": [], "test": []}
    tested = []
    for place, file in enumerate(sorted(listing.files, key=lambda one: one.path)):
        mask_path = file.mask.path if file.mask else ""
        image = decoding.decode(tf.io.read_file(str(root / file.path)))
        shape = (int(image.shape[0]), int(image.shape[1]))
        values = mask_file.read((root / mask_path).read_bytes(), LIMITS)
        if isinstance(values, decode.Rejection):
            raise SystemExit(f"{mask_path}: {values.reason}")
        made = convert.convert(values, encoding, names, shape, shape)
        if isinstance(made, decode.Rejection):
            raise SystemExit(f"{mask_path}: {made.reason}")
        shown = decoding.resize(image, size, "stretch").numpy()
        small = mask_geometry.resize_mask(tf.constant(made.array), size, "stretch").numpy()
        split = "test" if place >= first_test else "eval" if place >= first_eval else "train"
        annotated = spec.annotation.encode(small)
        rows[split].append(example.encode_pixels(shown, annotated, file.path.encode()))
        if split == "test":
            tested.append((shown, made.array))
    counts = {
        split: records.write(
            examples_artifact.shard_path(str(scratch / "records"), split, 0, 1), of
        )
        for split, of in rows.items()
    }
    return Drive(dataclasses.replace(spec, counts=counts), tested)


def mean_iou(model: keras.Model, drive: Drive) -> tuple[float, list[float]]:
    """Measures a model, pixels → logits [B, h, w, K], at the full size of the masks."""
    size = len(drive.spec.labels)
    total = np.zeros((), np.int64)
    for image, truth in drive.tested:
        logits = model(image[None].astype(np.float32), training=False)[0]
        answer = mask_geometry.upright_classes(
            logits, tf.constant(truth.shape), drive.spec.size_px, "stretch"
        )
        total = total + pixels.confusion(truth, answer.numpy(), size)
    found = pixels.Sums.of(total)
    return float(found.mean_iou), [round(float(one), 3) for one in found.iou]


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


def unet(size: int, classes: int) -> keras.Model:
    """A U-Net as it is taught, with padding and BatchNorm: pixels in 0–255 → logits."""

    def two(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
        return x

    inputs = keras.Input((size, size, 3))
    x, skips = layers.Rescaling(1 / 127.5, -1.0)(inputs), []
    for filters in (20, 40, 80, 160):
        x = two(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = two(x, 320)
    for filters, skip in zip((160, 80, 40, 20), reversed(skips), strict=True):
        x = layers.UpSampling2D(2, interpolation="bilinear")(x)
        x = two(layers.Concatenate()([x, skip]), filters)
    return keras.Model(inputs, layers.Conv2D(classes, 1)(x))


@dataclasses.dataclass(frozen=True)
class Plain:
    """The reference: mean IoU, seconds, parameters, epochs, and the epoch whose weights were kept."""

    mean_iou: float
    seconds: float
    parameters: int
    epochs: int
    best_epoch: int


def plain(drive: Drive, scratch: Path, epochs: int) -> Plain:
    """Trains the reference for at most so many epochs."""
    keras.utils.set_random_seed(0)
    size, classes = drive.spec.size_px, len(drive.spec.labels)
    annotation = drive.spec.annotation

    def read(split: str) -> tuple[np.ndarray, np.ndarray]:
        batches = tf.data.TFRecordDataset(training_set.files(scratch, split)).batch(64)
        rows = [example.parse_pixels(one, size, annotation) for one in batches]
        images, masks = (np.concatenate(part) for part in zip(*rows, strict=True))
        return images, masks

    def ready(split: str, training: bool) -> tf.data.Dataset:
        data = tf.data.Dataset.from_tensor_slices(read(split))
        if training:
            data = data.shuffle(512, seed=0)

        def change(image: tf.Tensor, mask: tf.Tensor) -> tuple[tf.Tensor, ...]:
            if training and tf.random.uniform([]) < 0.5:
                image, mask = image[:, ::-1], mask[:, ::-1]
            known = mask != VOID
            target = tf.where(known, mask, tf.zeros_like(mask))
            return tf.cast(image, tf.float32), target, tf.cast(known, tf.float32)

        return data.map(change).batch(8).prefetch(2)

    clock, model = Clock(), unet(size, classes)
    model.compile(
        keras.optimizers.Adam(1e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    kept = str(scratch / "plain.weights.h5")
    best = keras.callbacks.ModelCheckpoint(kept, save_best_only=True, save_weights_only=True)
    validation = ready("eval", training=False)
    enough = keras.callbacks.EarlyStopping(patience=PATIENCE)
    fitted = model.fit(
        ready("train", training=True),
        validation_data=validation,
        epochs=epochs,
        verbose=0,
        callbacks=[best, enough],
    )
    model.load_weights(kept)
    seconds, losses = clock.now(), fitted.history["val_loss"]
    found, _ = mean_iou(model, drive)
    best_epoch = 1 + int(np.argmin(losses))
    return Plain(found, seconds, model.count_params(), len(losses), best_epoch)


def ours(
    drive: Drive, scratch: Path, place: Path, views: str | int, target: float
) -> tuple[float, float, float | None, list[float]]:
    """Trains with our recipe.

    Returns:
      Mean IoU, seconds, seconds until the mean IoU was at the target (None: never), IoU by class.
    """
    defaults = {
        name.partition(".")[2]: value
        for name, value in DEFAULTS.items()
        if name.startswith("train.")
    }
    settings = config.TrainConfig(**defaults, cache=config.CacheConfig(views=views))
    clock = Clock()
    reached: list[float] = []

    def listen(ended: loop.EpochEnd, model: keras.Model) -> None:
        if not reached:
            now = clock.now()
            found = clock.without(lambda: mean_iou(model, drive)[0])
            line = f"{now:.0f} s, {ended.phase.name}: test mean IoU {found:.3f}"
            print(line, file=sys.stderr, flush=True)
            if found >= target:
                reached.append(now)

    job = training_set.job(scratch, drive.spec, 0, settings, CHANGES, place)
    classifier, _ = phases.train(job, listen)
    seconds = clock.now()
    found, by_class = mean_iou(classifier, drive)
    return found, seconds, reached[0] if reached else None, by_class


def main() -> None:
    """Runs the three and prints the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path, required=True, help="images and masks of a drive")
    size = DEFAULTS["preprocess.size_px"]
    parser.add_argument("--size", type=int, default=size, help="side of the square, in px")
    parser.add_argument("--void", type=int, nargs="*", default=[11], help="values without a class")
    parser.add_argument("--scratch-epochs", type=int, default=200, help="most of the reference")
    parser.add_argument("--no-uncached", action="store_true", help="leave out the third")
    arguments = parser.parse_args()
    with harness.workspace() as scratch:
        drive = write(arguments.data_dir, scratch, arguments.size, arguments.void)
        unet_found = plain(drive, scratch, arguments.scratch_epochs)
        reference, reference_s = unet_found.mean_iou, unet_found.seconds
        print(f"scratch: {unet_found}", file=sys.stderr, flush=True)
        found, seconds, until, by_class = ours(drive, scratch, scratch / "ours", "auto", reference)
        details = {
            "splits": drive.spec.counts,
            "size_px": arguments.size,
            "reference": dataclasses.asdict(unet_found),
            "reference_converged": unet_found.epochs - unet_found.best_epoch >= PATIENCE,
            "ours_s": round(seconds, 1),
            "ours_to_reference_s": until and round(until, 1),
            "iou": dict(zip(drive.spec.labels, by_class, strict=True)),
            "points": round(100 * (found - reference), 1),
            "goal_points": 100 * GOAL_POINTS,
        }
        if not arguments.no_uncached:
            same, slow_s, _, _ = ours(drive, scratch, scratch / "fresh", 0, 2.0)
            details |= {"without_cache": round(same, 3), "without_cache_s": round(slow_s, 1)}
    speed = reference_s / until if until else 0.0
    harness.finish(
        f"segmentation: time to scratch's mean IoU of {reference:.3f}; ours ends at {found:.3f}",
        "s of two cores",
        reference_s,
        until or float("inf"),
        speed,
        GOAL_SPEED,
        details,
    )


if __name__ == "__main__":
    main()
