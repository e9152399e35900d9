"""Training with masks: the targets of a cached view move as the view was moved."""

import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import config
from components.trainer.loop import phases, training_job
from data.augment import augment, augment_config
from data.examples import dataset, example, records

SIZE = 32
SPEC = materialise.Spec(
    SIZE, "stretch", ["dark", "bright"], {"train": 8, "eval": 4, "test": 0}, task="segmentation"
)
CHANGES = augment_config.AugmentConfig(vertical_flip=True)


def scene(seed):
    """A bright box on a dark ground, and its mask with a strip of void."""
    generator = np.random.default_rng(seed)
    mask = np.zeros([SIZE, SIZE], np.uint8)
    top, left = generator.integers(2, 14, 2)
    mask[top : top + 14, left : left + 14] = 1
    image = generator.integers(0, 40, [SIZE, SIZE, 3]) + 180 * mask[..., None]
    mask[-2:] = 255
    return image.astype(np.uint8), mask


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> training_job.Job:
    place = tmp_path_factory.mktemp("masks")
    files = {}
    for split, first in (("train", 0), ("eval", 100)):
        rows = [scene(first + index) for index in range(SPEC.counts[split])]
        path = str(place / f"{split}-00000-of-00001")
        encoded = (
            example.encode_pixels(image, SPEC.annotation.encode(mask), b"") for image, mask in rows
        )
        records.write(path, encoded)
        files[split] = [path]
    settings = config.TrainConfig(
        backbone="cnn",
        weights="random",
        batch_size=4,
        scratch_epochs=12,
        scratch_learning_rate=1e-2,
        label_smoothing=0.0,
    )
    return training_job.Job(
        files["train"], files["eval"], SPEC, settings, CHANGES, 0, place / "logs", place / "cache"
    )


def test_a_batch_has_the_masks_of_its_images_after_any_change(job):
    """In a batch, bright pixels are where the mask says so, however both were moved."""
    batches = dataset.training_batches(
        job.train_files, 8, SIZE, 4, job.annotation, CHANGES, seed=1, epoch=2
    )
    for pixels, masks in batches.as_numpy_iterator():
        known = masks != 255
        bright = pixels.mean(-1) > 110
        assert (bright == (masks == 1))[known].mean() > 0.97
        assert (masks == 255).any()


def test_a_cached_view_has_the_masks_of_its_pixels(job):
    from components.trainer.features import cache

    split = cache.Split.read(job.train_files, 8, SIZE, job.annotation)
    views = cache.Views(CHANGES, 0)
    images = np.stack([scene(index)[0] for index in range(8)])
    assert split.digests == cache.digests(images)
    moved = views.pixels(images, split.digests, 1)
    masks = views.targets(split.targets, split.digests, 1, job.annotation, 8)
    draws = augment.view_draws(split.digests, 1, 0)
    np.testing.assert_array_equal(masks, augment.apply_to_masks(split.targets, draws, CHANGES))
    some = views.targets(split.targets[:3], split.digests[:3], 1, job.annotation, 8)
    np.testing.assert_array_equal(some, masks[:3])
    assert ((moved.mean(-1) > 110) == (masks == 1))[masks != 255].mean() > 0.97


def test_a_small_network_learns_the_boxes(job):
    _, history = phases.train(job)
    metrics = history.phases["scratch"]
    assert metrics["loss"][-1] < 0.2 * metrics["loss"][0]
    assert metrics["pixel_accuracy"][-1] > 0.98
    # The averages of BatchNorm are those of a few steps, so the eval loss jumps; the best is kept.
    assert min(metrics["val_loss"]) < 0.7 * metrics["val_loss"][0]
    assert max(metrics["val_mean_iou"]) > 0.75
