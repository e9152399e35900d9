import numpy as np
import pytest
import tensorflow as tf

from data import augment, augment_config
from tests.conftest import noise

NOTHING = augment_config.AugmentConfig(
    horizontal_flip=False,
    rotation_degrees=0,
    zoom_fraction=0,
    translation_fraction=0,
    brightness_fraction=0,
    contrast_fraction=0,
)
SEED = tf.constant([1, 2], tf.int64)


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.stack([np.asarray(noise(32, 32, seed)) for seed in range(64)])


def with_only(**changes: object) -> augment_config.AugmentConfig:
    return NOTHING.model_copy(update=changes)


def test_nothing_changes_nothing(pixels):
    np.testing.assert_array_equal(augment.augment(pixels, NOTHING, SEED), pixels)


def test_flip_mirrors_about_half(pixels):
    flipped = augment.augment(pixels, with_only(horizontal_flip=True), SEED).numpy()
    mirrored = (flipped == pixels[:, :, ::-1]).all(axis=(1, 2, 3))
    same = (flipped == pixels).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 16 <= mirrored.sum() <= 48


def test_translation_shifts_by_at_most_its_fraction(pixels):
    shifted = augment.augment(pixels, with_only(translation_fraction=0.1), SEED).numpy()
    inner = np.abs(shifted.astype(int) - pixels).mean()
    assert 0 < inner < 30


def test_a_quarter_turn_is_numpys():
    image = np.zeros([1, 9, 9, 3], np.uint8)
    image[0, 2, 4] = 255
    changes = with_only(rotation_degrees=180)
    for seed in range(40):
        turned = augment.warp(image, changes, tf.constant([seed, 0], tf.int64)).numpy()[0, ..., 0]
        y, x = np.unravel_index(turned.argmax(), turned.shape)
        # The dot stays at its distance of 2 from the centre (4, 4), wherever it turns to.
        assert np.hypot(y - 4, x - 4) == pytest.approx(2, abs=0.8)


def test_brightness_moves_the_mean_within_bounds(pixels):
    changed = augment.augment(pixels, with_only(brightness_fraction=0.1), SEED).numpy()
    moved = changed.mean(axis=(1, 2, 3)) - pixels.mean(axis=(1, 2, 3))
    assert np.abs(moved).max() <= 25.5 + 1
    assert moved.min() < -5
    assert moved.max() > 5


def test_contrast_keeps_the_mean():
    image = np.full([8, 16, 16, 3], 100, np.uint8)
    image[:, ::2] = 150
    changed = augment.augment(image, with_only(contrast_fraction=0.5), SEED).numpy().astype(float)
    assert changed.mean(axis=(1, 2, 3)) == pytest.approx(125, abs=1)
    spread = changed.std(axis=(1, 2, 3))
    assert spread.min() < 25 < spread.max()


def test_each_image_of_a_batch_is_changed_differently():
    same = np.repeat(np.asarray(noise(32, 32))[None], 8, axis=0)
    changed = augment.augment(same, augment_config.AugmentConfig(), SEED).numpy()
    assert len({image.tobytes() for image in changed}) == 8


def test_eager_and_graph_agree_and_the_seed_decides(pixels):
    config = augment_config.AugmentConfig()
    eager = augment.augment(pixels, config, SEED).numpy()
    dataset = tf.data.Dataset.from_tensors(pixels).map(
        lambda batch: augment.augment(batch, config, SEED)
    )
    np.testing.assert_array_equal(next(iter(dataset)), eager)
    other = augment.augment(pixels, config, tf.constant([3, 4], tf.int64)).numpy()
    assert (other != eager).any()
    assert eager.dtype == np.uint8
    assert eager.shape == pixels.shape
