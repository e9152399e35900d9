import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment_config, mixing

SEED = tf.constant([3, 4], tf.int64)
COUNT = 9
GENERATOR = np.random.default_rng(0)
IMAGES = GENERATOR.integers(0, 256, (COUNT, 12, 16, 3), np.uint8)
TARGETS = np.eye(COUNT, dtype=np.float32)
MIXUP = augment_config.MixConfig(mixup_alpha=0.8)
CUTMIX = augment_config.MixConfig(cutmix_alpha=1)
BOTH = augment_config.MixConfig(mixup_alpha=0.8, cutmix_alpha=1)


def mix(inputs, config, seed=SEED):
    mixed, targets = mixing.mix(inputs, TARGETS, config, seed)
    return mixed.numpy(), targets.numpy()


def test_off_changes_nothing():
    mixed, targets = mix(IMAGES, augment_config.MixConfig())
    np.testing.assert_array_equal(mixed, IMAGES)
    np.testing.assert_array_equal(targets, TARGETS)


def test_mixup_adds_up_what_the_targets_say():
    mixed, targets = mix(IMAGES, MIXUP)
    # The targets are one-hot, so they hold the weights of the sum.
    expected = np.tensordot(targets, IMAGES.astype(float), axes=1)
    assert mixed.dtype == np.uint8
    assert np.abs(mixed - expected).max() <= 0.501
    shares = np.diag(targets)
    assert len(set(shares)) == COUNT
    np.testing.assert_allclose(targets.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("size", [(12, 16), (5, 5)])
def test_cutmix_puts_a_box_of_the_neighbour_in(size):
    inputs = GENERATOR.normal(size=(COUNT, *size, 4)).astype(np.float32)
    mixed, targets = mix(inputs, CUTMIX)
    neighbour = np.roll(inputs, 1, axis=0)
    own = (mixed == inputs).all(axis=-1)
    assert (own | (mixed == neighbour).all(axis=-1)).all()
    np.testing.assert_allclose(np.diag(targets), own.mean(axis=(1, 2)), atol=1e-6)
    for mask in ~own:
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        np.testing.assert_array_equal(mask, rows[:, None] & columns[None, :])
    assert 0 < own.mean() < 1


@pytest.mark.parametrize("dtype", [tf.uint8, tf.float16, tf.bfloat16, tf.float32])
@pytest.mark.parametrize("config", [MIXUP, CUTMIX, BOTH], ids=["mixup", "cutmix", "both"])
def test_the_dtype_stays(dtype, config):
    mixed, targets = mixing.mix(tf.cast(IMAGES, dtype), TARGETS, config, SEED)
    assert mixed.dtype == dtype
    assert mixed.shape == IMAGES.shape
    assert targets.dtype == tf.float32


def test_both_are_drawn_batch_by_batch():
    whole = 0
    for seed in range(40):
        mixed, _ = mix(IMAGES, BOTH, tf.constant([seed, 0], tf.int64))
        own = (mixed == IMAGES).all(axis=-1)
        other = (mixed == np.roll(IMAGES, 1, axis=0)).all(axis=-1)
        whole += (own | other).all()
    assert 10 <= whole <= 30


def test_vectors_are_mixed_too():
    features = GENERATOR.normal(size=(COUNT, 5)).astype(np.float32)
    mixed, targets = mix(features, MIXUP)
    np.testing.assert_allclose(mixed, targets @ features, atol=1e-5)
    with pytest.raises(ValueError, match=r"CutMix needs inputs \[B, H, W, C\].*\(9, 5\)"):
        mix(features, BOTH)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1, 5])
def test_shares_are_beta_distributed(alpha):
    shares = mixing.beta(alpha, tf.constant(4000), SEED).numpy()
    assert np.isfinite(shares).all()
    assert shares.min() >= 0
    assert shares.max() <= 1
    assert shares.mean() == pytest.approx(0.5, abs=0.03)
    assert shares.var() == pytest.approx(1 / (4 * (2 * alpha + 1)), rel=0.1)


def test_tf_data_agrees_and_takes_a_smaller_last_batch():
    dataset = tf.data.Dataset.from_tensor_slices((IMAGES, TARGETS)).batch(4)
    batches = list(dataset.map(lambda x, y: mixing.mix(x, y, BOTH, SEED)).as_numpy_iterator())
    assert [len(images) for images, _ in batches] == [4, 4, 1]
    eager = mixing.mix(IMAGES[:4], TARGETS[:4], BOTH, SEED)
    np.testing.assert_array_equal(batches[0][0], eager[0])
    np.testing.assert_array_equal(batches[0][1], eager[1])
    # An image without another is its own neighbour.
    np.testing.assert_array_equal(batches[2][0], IMAGES[8:])
