"""Training with boxes: those of a cached view move as the view was moved; the best mAP is kept."""

import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import config
from components.trainer.features import cache
from components.trainer.loop import evaluation, phases, training_job
from components.trainer.network import model
from data import errors
from data.augment import augment_config
from data.examples import dataset, example, records
from tasks.detection import target

SIZE = 64
SPEC = materialise.Spec(
    SIZE, "stretch", ["grey", "white"], {"train": 16, "eval": 8, "test": 0}, task="detection"
)
CHANGES = augment_config.AugmentConfig(
    rotation_degrees=0, zoom_fraction=0.2, brightness_fraction=0, contrast_fraction=0
)


def scene(seed):
    """A grey or white square on a dark ground, and its box."""
    generator = np.random.default_rng(seed)
    class_id = seed % 2
    side = int(generator.integers(16, 28))
    top, left = generator.integers(2, SIZE - side - 2, 2)
    image = generator.integers(0, 40, [SIZE, SIZE, 3])
    image[top : top + side, left : left + side] = 130 + 110 * class_id
    rows = np.zeros([target.MAX_OBJECTS, target.COLUMNS], np.float32)
    rows[:, target.CLASS_ID] = target.NO_OBJECT
    rows[0, :4] = np.array([top, left, top + side, left + side]) / SIZE
    rows[0, target.CLASS_ID] = class_id
    return image.astype(np.uint8), rows


@pytest.fixture(scope="module")
def job(tmp_path_factory) -> training_job.Job:
    place = tmp_path_factory.mktemp("boxes")
    files = {}
    for split, first in (("train", 0), ("eval", 100)):
        rows = [scene(first + index) for index in range(SPEC.counts[split])]
        path = str(place / f"{split}-00000-of-00001")
        encoded = (
            example.encode_pixels(image, SPEC.annotation.encode(boxes), b"")
            for image, boxes in rows
        )
        records.write(path, encoded)
        files[split] = [path]
    settings = config.TrainConfig(
        batch_size=4,
        head_epochs=24,
        head_learning_rate=5e-3,
        fine_tune_epochs=2,
        unfreeze_blocks=2,
        label_smoothing=0.0,
        clip_norm=10.0,
        early_stopping_patience=0,
    )
    return training_job.Job(
        files["train"], files["eval"], SPEC, settings, CHANGES, 0, place / "logs", place / "cache"
    )


def test_a_cached_view_has_the_boxes_of_its_pixels(job):
    split = cache.Split.read(job.train_files, 16, SIZE, job.annotation)
    views = cache.Views(CHANGES, 0)
    images = np.stack([scene(index)[0] for index in range(16)])
    moved = views.pixels(images, split.digests, 1)
    boxes = views.targets(split.targets, split.digests, 1, job.annotation, 16)
    assert not np.array_equal(boxes, split.targets)
    for pixels, rows in zip(moved, boxes, strict=True):
        if rows[0, target.CLASS_ID] < 0:
            continue
        top, left, bottom, right = (rows[0, :4] * SIZE).round().astype(int)
        bright = pixels.mean(-1) > 85
        # The box holds the square, edge to edge; mirrored edges may show a part of it again.
        assert bright[top + 1 : bottom - 1, left + 1 : right - 1].mean() > 0.97
        assert bright[top:bottom, left:right].mean() > 0.85


@pytest.mark.landing
def test_a_small_network_learns_and_the_weights_of_the_best_map_are_kept(job):
    classifier, history = phases.train(job)
    metrics = history.phases["head"]
    assert history.watched == "score"
    assert metrics["loss"][-1] < 0.7 * metrics["loss"][0]
    best = max(max(one["val_map"]) for one in history.phases.values())
    assert history.best_score() == best
    assert best > 0.3
    evaluator = evaluation.Evaluator(classifier, job.head, job.loss())
    batches = dataset.evaluation_batches(job.eval_files, 8, SIZE, 8, job.annotation)
    # Cached features have 16 bits, so a box may move a little.
    assert evaluator.evaluate(batches).score == pytest.approx(best, abs=0.03)


def test_a_backbone_without_coarse_maps_is_refused(job):
    settings = config.TrainConfig(backbone="unet", weights="random")
    with pytest.raises(
        errors.ConfigError, match=r"unet at 64 px has maps.*: 8, 16; needed: 8, 16, 32"
    ):
        model.build(settings, SPEC)
    settings = config.TrainConfig(backbone="cnn", weights="random")
    with pytest.raises(errors.ConfigError, match="task reads: none; needed"):
        model.build(settings, SPEC)
