"""A small classifier trained through both phases, made once for the tests here."""

from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import config
from components.trainer import history as training_history
from components.trainer.backbones import registry
from components.trainer.loop import phases, training_job
from components.trainer.network import model
from data.augment import augment_config
from data.examples import example, records
from tasks import task

SIZE = 32
CLASSES = 2
COUNT = 64
LABELS = ["dark", "bright and shiny"]
SPEC = materialise.Spec(SIZE, "stretch", LABELS, {"train": COUNT, "eval": COUNT, "test": 0})
ANNOTATION, HEAD = SPEC.annotation, task.load(SPEC.task).head
CHANGES = augment_config.AugmentConfig(rotation_degrees=5, zoom_fraction=0.05)
# The smallest backbone, given weights of its own, so that it is frozen and transferred as any.
SETTINGS = config.TrainConfig(
    backbone="cnn",
    batch_size=16,
    head_start="random",  # steps, of which a solved head has none
    head_epochs=8,
    head_learning_rate=5e-2,
    fine_tune_epochs=2,
    fine_tune_learning_rate=3e-4,
    unfreeze_blocks=1,
    cache=config.CacheConfig(views=2),
    checkpoint_interval_s=0,
)


@dataclass
class Trained:
    classifier: keras.Model
    history: training_history.History
    job: training_job.Job


def statistics(classifier: keras.Model) -> list[np.ndarray]:
    """Returns the moving means and variances of every BatchNorm."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    norms = [n for n in backbone.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert norms
    return [np.array(w) for n in norms for w in (n.moving_mean, n.moving_variance)]


def images(seed: int, count: int = COUNT) -> tuple[np.ndarray, np.ndarray]:
    """Bright against dark noise, learnt in a few steps: uint8 [N, S, S, 3] and label ids [N]."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, count)
    noise = generator.integers(0, 60, (count, SIZE, SIZE, 3))
    return (noise + 180 * labels[:, None, None, None]).astype(np.uint8), labels


def write(
    folder: Path, pixels: np.ndarray, targets: np.ndarray, annotation=ANNOTATION
) -> list[str]:
    """Writes a split of two shards."""
    half = len(pixels) // 2
    for index, part in enumerate((slice(0, half), slice(half, None))):
        encoded = (
            example.encode_pixels(image, annotation.encode(target), b"%d" % number)
            for number, (image, target) in enumerate(zip(pixels[part], targets[part], strict=True))
        )
        records.write(str(folder / records.shard_name(index, 2)), encoded)
    return records.files(str(folder))


@pytest.fixture(scope="session")
def record_files(tmp_path_factory) -> tuple[list[str], list[str]]:
    root = tmp_path_factory.mktemp("records")
    return write(root / "train", *images(0)), write(root / "eval", *images(1))


@pytest.fixture
def make_job(record_files, tmp_path):
    """Makes a job with folders of its own; settings are changed by name."""

    def make(changes: augment_config.AugmentConfig = CHANGES, **settings) -> training_job.Job:
        return job(record_files, tmp_path, changes, **settings)

    return make


def job(record_files, root: Path, changes=CHANGES, **settings) -> training_job.Job:
    train_files, eval_files = record_files
    settings = {"weights": str(backbone_weights(Path(train_files[0]).parent.parent)), **settings}
    return training_job.Job(
        train_files=train_files,
        eval_files=eval_files,
        spec=SPEC,
        config=SETTINGS.model_copy(update=settings),
        changes=changes,
        seed=0,
        log_dir=root / "logs",
        cache_dir=root / "features",
        checkpoint_dir=root / "unfinished",
    )


def backbone_weights(folder: Path) -> Path:
    """Writes a file of random weights; BatchNorm's statistics are those of some images."""
    path = folder / "cnn.weights.h5"
    if not path.exists():
        keras.utils.set_random_seed(0)
        backbone = registry.build("cnn", SIZE, "random")
        for _ in range(20):
            backbone(images(5)[0] / 127.5 - 1, training=True)
        backbone.save_weights(path)
    return path


def views(number: int) -> dict[str, config.CacheConfig]:
    return {"cache": config.CacheConfig(views=number)}


def without(job: training_job.Job, **changes) -> training_job.Job:
    return replace(job, **changes)


@pytest.fixture(scope="session")
def trained(record_files, tmp_path_factory) -> Trained:
    one = job(record_files, tmp_path_factory.mktemp("trained"))
    return Trained(*phases.train(one), one)


def weights_equal(one: keras.Model, other: keras.Model) -> None:
    """Bit for bit."""
    for left, right in zip(one.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(left, right)
