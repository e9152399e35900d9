"""Training input against image_dataset_from_directory and Keras' augmentation layers.

    python benchmarks/train_input.py [--data-dir DIR] [--size PX] [--images N] [--repeats N]

Both give shuffled batches of 32 with the same kinds and extents of changes: flip, rotation, zoom,
translation, contrast, brightness. The reference decodes, resizes and changes every image in every
epoch, with the layers in ``ds.map`` as the tutorials have them. Ours reads pixels records, which
Preprocess materialised once: what that cost is in the details, with the ratio that is left when
it is paid back over 10 epochs, once without and once with the ingest before it.

The floor, for an image of S×S: its 3·S² bytes (77 KB at 160 px) are read from the page cache,
copied into a record, moved once more by parsing, read and written once by the warp: five passes
over 77 KB, about 0.03 ms at 10 GB/s. The warp takes for each of 3·S² values four loads, three
interpolations and one multiply-add for the light, some 20 operations: 0.4 ms on one core where a
gather keeps it from using vectors. So 2 cores can give about 4,500 images/s, and the warp decides.
"""

import itertools
import os
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf

from benchmarks import harness
from components.preprocess import materialise
from components.trainer.loop import sources
from data.augment import augment_config
from data.examples import catalog, records
from data.sources import by_folder
from data.splits import labels

BATCH = 32
GOAL = 5.0
EPOCHS = 20  # of a phase, as the head's by default; they share an iterator
EPOCHS_TO_PAY_BACK = 10
CHANGES = augment_config.AugmentConfig()


def plain_batches(root: Path, size_px: int) -> tf.data.Dataset:
    """The reference: a data set that each epoch goes through anew, as fit does."""
    batches = keras.utils.image_dataset_from_directory(
        root, image_size=(size_px, size_px), batch_size=BATCH, seed=1, verbose=False
    )
    changes = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(CHANGES.rotation_degrees / 360),
            keras.layers.RandomZoom(CHANGES.zoom_fraction),
            keras.layers.RandomTranslation(*[CHANGES.translation_fraction] * 2),
            keras.layers.RandomContrast(CHANGES.contrast_fraction),
            keras.layers.RandomBrightness(CHANGES.brightness_fraction),
        ]
    )
    changed = batches.map(
        lambda images, labels: (changes(images, training=True), labels),
        num_parallel_calls=tf.data.AUTOTUNE,
    )
    return changed.prefetch(tf.data.AUTOTUNE)


@dataclass(frozen=True)
class Pass:
    """What a measurement found: images/s, and the milliseconds of CPU that an image took."""

    rate: float
    cpu_ms: float


def measure(data_sets: Iterable[tf.data.Dataset], images: int) -> Pass:
    """Goes through data sets, each to its end, until so many images were seen.

    Making a data set counts too.
    """
    start, cpu_start_s, seen = time.perf_counter(), time.process_time(), 0
    for batches in data_sets:
        for pixels, _ in batches:
            seen += len(pixels)
        if seen >= images:
            break
    cpu_ms = (time.process_time() - cpu_start_s) / seen * 1e3
    return Pass(seen / (time.perf_counter() - start), cpu_ms)


def own_epochs(
    files: list[str], count: int, spec: materialise.Spec, first: int
) -> Iterator[tf.data.Dataset]:
    """Ours, epoch after epoch as a training asks for them; endless."""
    order = sources.Order(BATCH, 1, spec.annotation, augment_config.MixConfig())
    source = sources.PixelSource(files, [], count, 0, spec.size_px, CHANGES, order)
    for epoch in itertools.count(first):
        following = EPOCHS - 1 - (epoch - first) % EPOCHS
        yield source.epoch(epoch, 0, following)


def prepare(root: Path, target: Path, spec: materialise.Spec) -> tuple[list[str], dict[str, Any]]:
    """Ingests and materialises once, warm, and measures both.

    Returns:
      The shards of pixels records of the train split; their count and seconds an image.
    """
    from benchmarks import ingest_step

    ingest = ingest_step.prepare(root, target)
    start = time.perf_counter()
    ingest()
    ingested_s = time.perf_counter() - start
    shards = materialise.shards(str(target / "examples"), str(target / "pixels"), ["train"])
    # The first trace of decode and resize is paid once a run, not once a shard.
    materialise.write(_head(shards[0], target / "warm"), spec)
    start = time.perf_counter()
    count = sum(materialise.write(shard, spec) for shard in shards)
    materialised_s = time.perf_counter() - start
    return [shard.pixels for shard in shards], {
        "images": count,
        "ingest_s_per_image": ingested_s / len(by_folder.scan(root).files),
        "materialise_s_per_image": materialised_s / count,
    }


def _head(shard: materialise.Shard, folder_path: Path) -> materialise.Shard:
    """A shard of the first records of another, and where its pixels go."""
    head = materialise.Shard(*(str(folder_path / name) for name in ("images", "catalog", "pixels")))
    rows = tf.data.TFRecordDataset(shard.images).take(BATCH)
    records.write(head.images, rows.as_numpy_iterator())
    catalog.write_shard(head.catalog, catalog.read_shard(shard.catalog)[:BATCH])
    return head


def main() -> None:
    """Runs both in turn and prints the medians."""
    parser = harness.parser(__doc__ or "")
    parser.add_argument("--size", type=int, default=160, help="side of the images in pixels")
    parser.add_argument("--images", type=int, default=2000, help="at least, in each repeat")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    size_px, images = arguments.size, arguments.images
    with harness.workspace() as scratch:
        root = harness.data_dir(arguments.data_dir, scratch)
        names = labels.extend([], by_folder.scan(root).class_names)
        spec = materialise.Spec(size_px, "stretch", names, {})
        files, once = prepare(root, scratch / "ours", spec)
        batches = plain_batches(root, size_px)
        # A part of a long epoch is measured as well as the whole.
        epochs = itertools.repeat(batches.take(-(-images // BATCH)))
        measure([batches.take(10)], 1)
        measure(own_epochs(files, once["images"], spec, 0), 1)
        plain, own = [], []
        for repeat in range(arguments.repeats):
            plain.append(measure(epochs, images))
            # More images in the same time, so that the figure is as steady.
            own_data = own_epochs(files, once["images"], spec, 1000 * (repeat + 1))
            own.append(measure(own_data, 4 * images))
            print(f"Keras {plain[-1].rate:.0f} images/s, ours {own[-1].rate:.0f}", file=sys.stderr)
    _finish(plain, own, once, size_px)


def _finish(plain: list[Pass], own: list[Pass], once: dict[str, Any], size_px: int) -> None:
    reference, mine = (statistics.median(one.rate for one in passes) for passes in (plain, own))
    plain_cpu_ms, own_cpu_ms = (
        statistics.median(one.cpu_ms for one in passes) for passes in (plain, own)
    )

    def paid_back(once_s: float) -> float:
        return 1 / (1 / mine + once_s / EPOCHS_TO_PAY_BACK) / reference

    materialise_s, ingest_s = once["materialise_s_per_image"], once["ingest_s_per_image"]
    harness.finish(
        "training input beats image_dataset_from_directory with Keras' augmentation layers",
        "images/s",
        reference,
        mine,
        mine / reference,
        GOAL,
        {
            "size_px": size_px,
            "images": once["images"],
            "materialise_ms_per_image": round(materialise_s * 1e3, 3),
            "ingest_ms_per_image": round(ingest_s * 1e3, 3),
            "ratio_materialised_over_10_epochs": round(paid_back(materialise_s), 2),
            "ratio_ingested_too_over_10_epochs": round(paid_back(materialise_s + ingest_s), 2),
            "plain_cpu_ms_per_image": round(plain_cpu_ms, 3),
            "ours_cpu_ms_per_image": round(own_cpu_ms, 3),
            "ratio_of_cpu": round(plain_cpu_ms / own_cpu_ms, 2),
            "plain": [round(one.rate) for one in plain],
            "ours": [round(one.rate) for one in own],
        },
    )


if __name__ == "__main__":
    main()
