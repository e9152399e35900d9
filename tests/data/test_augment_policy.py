"""The policies' operations against Pillow's, and what the policies draw."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from data.augment import augment, augment_config, photometric, policy, randomness
from data.images import fixed_point
from tests.data.pictures import noise

IMAGES = np.stack([np.asarray(noise(24, 24, seed)) for seed in range(6)])
IMAGES[1] = IMAGES[1] // 3 + 60  # little contrast
IMAGES[2] = 130  # one colour
IMAGES[3, ..., 0] = 0  # a channel of one level


def pillow(change) -> np.ndarray:
    return np.stack([np.asarray(change(Image.fromarray(image))) for image in IMAGES])


def operate(name: str, amount: int = 0) -> np.ndarray:
    operations = tf.fill([len(IMAGES), 1], photometric.OPERATIONS.index(name))
    return photometric.operate(IMAGES, operations, tf.fill([len(IMAGES), 1], amount)).numpy()


@pytest.mark.parametrize("factor", [0.1, 0.7, 1.0, 1.9])
@pytest.mark.parametrize(
    ("name", "enhancer"),
    [
        ("brightness", ImageEnhance.Brightness),
        ("contrast", ImageEnhance.Contrast),
        ("colour", ImageEnhance.Color),
        ("sharpness", ImageEnhance.Sharpness),
    ],
)
def test_blends_are_pillows(name, enhancer, factor):
    expected = pillow(lambda image: enhancer(image).enhance(factor))
    changed = operate(name, round(factor * fixed_point.ONE))
    # Pillow rounds what it blends with, and then cuts off where we round.
    assert np.abs(changed.astype(int) - expected).max() <= 2
    if factor == 1:
        np.testing.assert_array_equal(changed, IMAGES)


@pytest.mark.parametrize("bits", [8, 5, 2])
def test_posterize_is_pillows(bits):
    expected = pillow(lambda image: ImageOps.posterize(image, bits))
    np.testing.assert_array_equal(operate("posterize", bits), expected)


@pytest.mark.parametrize("threshold", [256, 128, 0])
def test_solarize_is_pillows(threshold):
    expected = pillow(lambda image: ImageOps.solarize(image, threshold))
    np.testing.assert_array_equal(operate("solarize", threshold), expected)


def test_autocontrast_is_pillows():
    changed = operate("autocontrast").astype(int)
    assert np.abs(changed - pillow(ImageOps.autocontrast)).max() <= 1


def test_equalize_is_pillows():
    np.testing.assert_array_equal(operate("equalize"), pillow(ImageOps.equalize))


def test_each_image_has_its_own_operations():
    operations = [[0, 5], [5, 6], [8, 0], [6, 5], [8, 8], [6, 0]]
    amounts = [[0, 3], [2, 90], [0, 0], [90, 2], [0, 0], [128, 0]]
    mixed = photometric.operate(IMAGES, tf.constant(operations), tf.constant(amounts)).numpy()
    for index, image in enumerate(IMAGES):
        for operation, amount in zip(operations[index], amounts[index], strict=True):
            image = photometric.operate(
                image[None], tf.constant([[operation]]), tf.constant([[amount]])
            ).numpy()[0]
        np.testing.assert_array_equal(mixed[index], image)


def config(name: str, **changes: object) -> augment_config.AugmentConfig:
    return augment_config.AugmentConfig(policy=name, **changes)


def drawn(settings: augment_config.AugmentConfig, count: int = 2000) -> list[policy.Step]:
    draws = augment.batch_draws(tf.constant([1, 2], tf.int64), count)
    return policy.steps(tf.cast(draws, tf.float64), settings)


def test_randaugment_draws_so_many_operations_of_one_strength():
    steps = drawn(config("randaugment", policy_operations=3, policy_magnitude=0.6))
    assert len(steps) == 3
    for step in steps:
        counts = np.bincount(step.operations, minlength=14)
        assert len(counts) == 14
        assert counts.min() > 90
        assert set(np.round(step.strengths.numpy(), 9)) == {-0.6, 0.6}
    assert (steps[0].operations.numpy() == steps[1].operations.numpy()).mean() < 0.2


def test_trivialaugment_draws_one_operation_of_any_strength():
    (step,) = drawn(config("trivialaugment", policy_operations=3))
    strengths = step.strengths.numpy()
    assert np.histogram(strengths, 4, (-1, 1))[0].min() > 400


def test_no_policy_draws_nothing():
    assert drawn(augment_config.AugmentConfig()) == []


def test_no_strength_changes_only_by_what_has_none():
    settings = config("randaugment", policy_magnitude=0, policy_operations=1).scaled(0)
    draws = augment.batch_draws(tf.constant([1, 2], tf.int64), len(IMAGES)).numpy()
    for number, name in enumerate(policy.OPERATIONS):
        draws[:, randomness.Draw.POLICY] = (number + 0.5) / len(policy.OPERATIONS)
        plain = settings.model_copy(update={"horizontal_flip": False})
        changed = augment.apply(IMAGES, draws, plain).numpy()
        if name not in ("autocontrast", "equalize"):
            np.testing.assert_array_equal(changed, IMAGES, err_msg=name)
