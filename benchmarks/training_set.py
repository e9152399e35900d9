"""What the benchmarks of training share: splits as folders, records of pixels, a job on them."""

import functools
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from components.preprocess import materialise
from components.trainer import config
from components.trainer.loop import evaluation, training_job
from data.augment import augment_config
from data.examples import example, examples_artifact, reading, records
from data.graph import decoding, plain_decoding
from data.sources import by_folder
from serving.triton import plain_image
from tasks import task

SHARES = (0.7, 0.1, 0.2)
SPLITS = ("train", "eval", "test")
_CROP_AREA = (0.3, 0.7)
CONFIG = config.TrainConfig()
CHANGES = augment_config.AugmentConfig()


def split(root: Path, target: Path, seed: int) -> list[str]:
    """Copies the images of each class into split folders; returns the class names."""
    shutil.rmtree(target, ignore_errors=True)
    by_class: dict[str, list[str]] = {}
    for file in by_folder.scan(root).files:
        if Path(file.path).suffix.lower() in (".jpg", ".jpeg", ".png", ".gif", ".bmp"):
            by_class.setdefault(file.class_name, []).append(file.path)
    for name, paths in by_class.items():
        order = np.random.default_rng(seed).permutation(len(paths))
        bounds = np.cumsum([round(share * len(paths)) for share in SHARES[:2]])
        for split_name, chosen in zip(SPLITS, np.split(order, bounds), strict=True):
            place = target / split_name / name
            place.mkdir(parents=True)
            for index in chosen:
                suffix = Path(paths[index]).suffix
                # A link out of a data folder is no image of it.
                shutil.copyfile(root / paths[index], place / f"{index:06d}{suffix}")
    return sorted(by_class)


def crops(root: Path, target: Path, count: int) -> Path:
    """Writes some crops of each image of split folders, in the folders of its split and class.

    Each shows 30 to 70 % of the area, of the image's own aspect ratio, and depends on the image alone.

    Returns:
      ``target``.
    """
    for path in sorted(root.glob("*/*/*")):
        place = target / path.parent.relative_to(root)
        place.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        generator = np.random.default_rng(zlib.crc32(path.read_bytes()))
        for number in range(count):
            share = np.sqrt(generator.uniform(*_CROP_AREA))
            size = np.maximum(1, np.round(np.array(image.size) * share)).astype(int)
            left, top = generator.integers(0, np.array(image.size) - size + 1)
            box = (left, top, left + size[0], top + size[1])
            image.crop(box).save(place / f"{path.stem}-{number}.jpg", quality=90)
    return target


def class_names(root: Path) -> list[str]:
    """The class folders."""
    return sorted(path.name for path in (root / "train").iterdir())


def write_records(root: Path, target: Path, size: int) -> materialise.Spec:
    """Decodes and resizes every image once, into records of pixels."""
    names, counts = class_names(root), {}
    annotation = task.load(task.DEFAULT).target.of(len(names), size, "stretch")
    for split_name in SPLITS:
        files = sorted((root / split_name).glob("*/*"))

        # As Preprocess does with what ingest has stored, where the files need nothing that ingest does.
        found = [plain_image.examine(path.read_bytes()) for path in files]
        is_plain = all(one is not None and not one.profile for one in found)
        read = plain_decoding.decode if is_plain else decoding.decode

        @tf.autograph.experimental.do_not_convert  # as in Preprocess
        def decode(path: tf.Tensor, read: Callable[[tf.Tensor], tf.Tensor] = read) -> tf.Tensor:
            return decoding.resize(read(tf.io.read_file(path)), size, "stretch")

        paths = tf.data.Dataset.from_tensor_slices([str(path) for path in files])
        pixels = reading.untuned(paths).map(decode, num_parallel_calls=reading.IMAGES_AT_ONCE)
        rows = zip(pixels.prefetch(64).as_numpy_iterator(), files, strict=True)
        encoded = (
            example.encode_pixels(
                values,
                annotation.encode(np.asarray(names.index(path.parent.name))),
                path.name.encode(),
            )
            for values, path in rows
        )
        shard = examples_artifact.shard_path(str(target), split_name, 0, 1)
        counts[split_name] = records.write(shard, encoded)
    return materialise.Spec(size, "stretch", names, counts)


def files(scratch: Path, split_name: str) -> list[str]:
    """The shards of a split in ``scratch / "records"``."""
    return examples_artifact.shards(str(scratch / "records"), split_name)


def job(
    scratch: Path,
    spec: materialise.Spec,
    seed: int,
    settings: config.TrainConfig = CONFIG,
    changes: augment_config.AugmentConfig = CHANGES,
    place: Path | None = None,
) -> training_job.Job:
    """A training on the records in ``scratch / "records"``.

    Args:
      scratch: where the records lie.
      spec: what they hold.
      seed: of all that is random.
      settings: of training.
      changes: of augmentation.
      place: where logs, features and checkpoints go; ``scratch`` by default.
    """
    place = place or scratch
    return training_job.Job(
        train_files=files(scratch, "train"),
        eval_files=files(scratch, "eval"),
        spec=spec,
        config=settings,
        changes=changes,
        seed=seed,
        log_dir=place / "logs",
        cache_dir=place / "features",
        checkpoint_dir=place / "unfinished",
    )


# Traced once for a classifier that is measured after every epoch.
@functools.lru_cache(maxsize=1)
def evaluator(classifier: keras.Model) -> evaluation.Evaluator:
    """Measures the accuracy of a classifier on batches of pixels and label_ids."""
    head = task.load(task.DEFAULT).head
    return evaluation.Evaluator(classifier, head, head.loss(0.0))
