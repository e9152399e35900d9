import hashlib
import sys

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from data.augment import augment, augment_config, changes, randomness, registry, warp
from tests import examples
from tests.data.changes import NOTHING
from tests.data.pictures import noise

Draw = randomness.Draw

EVERYTHING = augment_config.AugmentConfig(
    vertical_flip=True,
    saturation_fraction=0.4,
    crop_min_area_fraction=0.3,
    erase_probability=0.5,
    policy="randaugment",
    policy_operations=4,
)
EVERYTHING_WIDE = EVERYTHING.model_copy(update={"policy": "trivialaugment"})
CONFIGS = {
    "default": augment_config.AugmentConfig(),
    "randaugment": EVERYTHING,
    "trivialaugment": EVERYTHING_WIDE,
}
SEED = tf.constant([1, 2], tf.int64)
COUNT = 64
SIDE = 32


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.stack([np.asarray(noise(SIDE, SIDE, seed)) for seed in range(COUNT)])


def with_only(**changes: object) -> augment_config.AugmentConfig:
    return augment_config.AugmentConfig(**{**NOTHING.model_dump(), **changes})


def middle(count: int = 1, **values: float) -> np.ndarray:
    """Draws that change as little as they can, some of them set."""
    draws = np.full([count, augment.DRAWS], 0.5, np.float32)
    for name, value in values.items():
        draws[:, Draw[name.upper()]] = value
    return draws


def test_nothing_changes_nothing(pixels):
    assert augment.is_identity(NOTHING)
    np.testing.assert_array_equal(augment.augment(pixels, NOTHING, SEED), pixels)


@pytest.mark.parametrize(
    "change",
    [
        {"horizontal_flip": True},
        {"vertical_flip": True},
        {"rotation_degrees": 5},
        {"zoom_fraction": 0.1},
        {"translation_fraction": 0.1},
        {"brightness_fraction": 0.2},
        {"contrast_fraction": 0.2},
        {"saturation_fraction": 0.5},
        {"crop_min_area_fraction": 0.5},
        {"erase_probability": 1},
        {"policy": "randaugment"},
        {"policy": "trivialaugment"},
    ],
    ids=lambda change: "-".join(map(str, *change.items())),
)
def test_each_change_changes(pixels, change):
    config = with_only(**change)
    assert not augment.is_identity(config)
    changed = augment.augment(pixels, config, SEED).numpy()
    assert changed.dtype == np.uint8
    assert changed.shape == pixels.shape
    different = (changed != pixels).any(axis=(1, 2, 3)).sum()
    assert different >= COUNT // 4


def test_what_is_off_leaves_no_identity():
    assert augment.is_identity(with_only(erase_probability=1, erase_area_fraction=0))
    assert augment.is_identity(with_only(erase_area_fraction=0.5, policy_magnitude=1))
    assert augment.is_identity(with_only(where="model"))


@pytest.mark.parametrize(("name", "axis"), [("horizontal", 2), ("vertical", 1)])
def test_a_flip_mirrors_half(pixels, name, axis):
    flipped = augment.augment(pixels, with_only(**{f"{name}_flip": True}), SEED).numpy()
    mirrored = (flipped == np.flip(pixels, axis)).all(axis=(1, 2, 3))
    same = (flipped == pixels).all(axis=(1, 2, 3))
    assert (mirrored | same).all()
    assert 16 <= mirrored.sum() <= 48


def test_a_translation_is_numpys(pixels):
    # A quarter of 32 pixels, half of that to the right's input and back up.
    draws = middle(COUNT, translation_x=0.75, translation_y=0.25)
    shifted = augment.apply(pixels, draws, with_only(translation_fraction=0.25)).numpy()
    padded = np.pad(pixels, [(0, 0), (4, 4), (4, 4), (0, 0)], mode="symmetric")
    np.testing.assert_array_equal(shifted, padded[:, :SIDE, 8:])


def test_a_quarter_turn_is_numpys(pixels):
    draws = middle(COUNT, rotation=1.0)
    turned = augment.apply(pixels, draws, with_only(rotation_degrees=90)).numpy()
    # The last bit of a cosine that is not quite 0 may round one neighbour in.
    expected = np.rot90(pixels, axes=(1, 2))
    assert np.abs(turned.astype(int) - expected).max() <= 1


def test_a_crop_shows_its_part_and_no_more():
    ramp = np.broadcast_to(np.arange(0, 256, 8, np.uint8)[None, None, :, None], (1, 32, 32, 3))
    config = with_only(crop_min_area_fraction=0.25, crop_max_aspect_ratio=1)
    left = augment.apply(ramp, middle(crop_area=0, crop_x=0), config).numpy()
    right = augment.apply(ramp, middle(crop_area=0, crop_x=1), config).numpy()
    assert left.max() <= 128 <= right.min() + 8
    assert left.std() == pytest.approx(ramp.std() / 2, rel=0.1)


def naive_warp(image: np.ndarray, transform: np.ndarray) -> np.ndarray:
    """Bilinear with mirrored borders, in float64."""
    side = len(image)
    result = np.zeros(image.shape)
    for y in range(side):
        for x in range(side):
            column = transform[0] * x + transform[1] * y + transform[2]
            row = transform[3] * x + transform[4] * y + transform[5]
            left, top = int(np.floor(column)), int(np.floor(row))
            for dy, wy in ((0, 1 - (row - top)), (1, row - top)):
                for dx, wx in ((0, 1 - (column - left)), (1, column - left)):
                    mirrored = [
                        min(i % (2 * side), 2 * side - 1 - i % (2 * side))
                        for i in (top + dy, left + dx)
                    ]
                    result[y, x] += wy * wx * image[mirrored[0], mirrored[1]]
    return result


def centred(transform: np.ndarray, side: int) -> np.ndarray:
    """From pixels to the warp's coordinates, float64 [1, 3, 3]."""
    linear, shift = transform.reshape(2, 3)[:, :2], transform.reshape(2, 3)[:, 2]
    centre = (side - 1) / 2
    moved = (shift + linear.sum(axis=1) * centre - centre) / side
    return np.vstack([np.column_stack([linear, moved]), [0, 0, 1]])[None]


@settings(max_examples=examples.of(15))
@given(st.integers(0, 2**32 - 1))
def test_the_warp_agrees_with_a_naive_one(seed):
    generator = np.random.default_rng(seed)
    image = generator.integers(0, 256, (8, 8, 3), np.uint8)
    transform = generator.uniform(-1, 1, 6) * [1, 1, 8, 1, 1, 8]
    maps = [centred(transform, 8)]
    warped = warp.sample(image[None], maps).numpy()[0]
    # 8 bits of weight on each axis: at most 2 × 255 / 256 and the rounding.
    assert np.abs(warped - naive_warp(image, transform)).max() <= 2.5


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


def test_saturation_keeps_the_luma(pixels):
    config = with_only(saturation_fraction=0.5)
    duller = augment.apply(pixels, middle(COUNT, saturation=0), config).numpy().astype(float)
    luma = np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(duller @ luma, pixels @ luma, atol=1.5)
    spread = pixels.max(-1).astype(float) - pixels.min(-1)
    np.testing.assert_allclose(duller.max(-1) - duller.min(-1), spread / 2, atol=1)


def test_erasing_takes_one_rectangle_of_at_most_its_area():
    grey = np.full([COUNT, SIDE, SIDE, 3], 77, np.uint8)
    config = with_only(erase_probability=0.5, erase_area_fraction=0.3)
    erased = (augment.augment(grey, config, SEED).numpy() != 77).any(axis=-1)
    touched = erased.any(axis=(1, 2))
    assert 16 <= touched.sum() <= 48
    for mask in erased[touched]:
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        assert box.mean() > 0.9
        assert box.size <= 0.3 * SIDE**2 * 1.1


def test_erasing_fills_with_noise():
    grey = np.full([1, 64, 64, 3], 77, np.uint8)
    config = with_only(erase_probability=1, erase_area_fraction=0.9)
    changed = augment.apply(grey, middle(erase=0, erase_area=1), config).numpy()
    filled = changed[changed != 77]
    assert len(filled) > 8000
    counts = np.bincount(filled, minlength=256)
    assert filled.mean() == pytest.approx(127.5, abs=4)
    assert counts[78:].min() > 0.4 * counts.mean()


# Each is compiled several times, for seconds.
@pytest.mark.parametrize(
    "config",
    [
        pytest.param(one, id=name, marks=() if name == "default" else pytest.mark.landing)
        for name, one in CONFIGS.items()
    ],
)
def test_an_image_depends_on_itself_alone(pixels, config):
    draws = augment.batch_draws(SEED, COUNT).numpy()
    together = augment.apply(pixels, draws, config).numpy()
    order = np.random.default_rng(0).permutation(COUNT)[:13]
    some = augment.apply(pixels[order], draws[order], config).numpy()
    np.testing.assert_array_equal(some, together[order])
    alone = augment.apply(pixels[5:6], draws[5:6], config).numpy()
    np.testing.assert_array_equal(alone, together[5:6])


# Each is compiled several times, for seconds.
@pytest.mark.parametrize(
    "config",
    [
        pytest.param(one, id=name, marks=() if name == "default" else pytest.mark.landing)
        for name, one in CONFIGS.items()
    ],
)
def test_eager_and_graph_agree_and_the_seed_decides(pixels, config):
    eager = augment.augment(pixels, config, SEED).numpy()
    dataset = tf.data.Dataset.from_tensors(pixels).map(
        lambda batch: augment.augment(batch, config, SEED)
    )
    np.testing.assert_array_equal(next(iter(dataset)), eager)
    other = augment.augment(pixels, config, tf.constant([3, 4], tf.int64)).numpy()
    assert (other != eager).any()
    assert eager.dtype == np.uint8
    assert eager.shape == pixels.shape


def test_each_image_of_a_batch_is_changed_differently():
    same = np.repeat(np.asarray(noise(SIDE, SIDE))[None], 8, axis=0)
    changed = augment.augment(same, augment_config.AugmentConfig(), SEED).numpy()
    assert len({image.tobytes() for image in changed}) == 8


def test_the_compiler_changes_no_bit(pixels):
    draws = augment.batch_draws(SEED, COUNT)
    compiled = augment.apply(pixels, draws, EVERYTHING).numpy()
    tf.config.run_functions_eagerly(True)
    try:
        plain = augment.apply(pixels, draws, EVERYTHING).numpy()
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_array_equal(plain, compiled)


def test_view_draws_are_the_same_for_ever():
    digests = [hashlib.sha256(bytes([i])).hexdigest().encode() for i in range(50)]
    draws = augment.view_draws(digests, view=3, seed=7)
    assert draws.dtype == np.float32
    assert draws.shape == (50, augment.DRAWS)
    assert draws.min() >= 0
    assert draws.max() < 1
    assert draws.mean() == pytest.approx(0.5, abs=0.03)
    # Frozen: caches of features rely on it.
    assert draws[0, :3].tolist() == pytest.approx([0.0800148, 0.9596334, 0.7441671], abs=1e-7)
    np.testing.assert_array_equal(augment.view_draws(digests[9:10], 3, 7), draws[9:10])
    for view, seed in ((4, 7), (3, 8), (37, 0)):
        assert (augment.view_draws(digests, view, seed) != draws).mean() > 0.99
    assert augment.view_draws([], 0, 0).shape == (0, augment.DRAWS)


def test_batch_draws_follow_their_seed():
    draws = augment.batch_draws(SEED, 8).numpy()
    assert draws.shape == (8, augment.DRAWS)
    np.testing.assert_array_equal(draws, augment.batch_draws(SEED, 8))
    assert (draws != augment.batch_draws(SEED + 1, 8).numpy()).any()


def test_own_draws_are_uniform_and_of_no_other_change():
    draws = tf.cast(augment.batch_draws(SEED, 20_000), tf.float64)
    one = randomness.own(draws, "one", 2).numpy()
    assert (one >= 0).all() and (one < 1).all()
    columns = [*one.T, randomness.own(draws, "other", 1).numpy()[:, 0], *draws.numpy().T]
    for column in columns[:3]:
        assert stats.kstest(column, "uniform").pvalue > 0.001
    correlations = np.corrcoef(columns) - np.eye(len(columns))
    assert np.abs(correlations).max() < 0.04
    # Frozen, as those of the views are.
    np.testing.assert_array_equal(randomness.own(draws[:9], "one", 3).numpy()[:, :2], one[:9])
    halves = randomness.own(tf.fill([1, randomness.DRAWS], tf.constant(0.5, tf.float64)), "one", 2)
    assert halves.numpy()[0].tolist() == pytest.approx([0.6570922, 0.0814869], abs=1e-7)


INVERTING = """
import tensorflow as tf

from data.augment import change, randomness


def apply(pixels, draws, config):
    chosen = randomness.own(draws, "inverting", 1)[:, 0] < config.invert_probability
    return tf.where(chosen[:, None, None, None], 255 - pixels, pixels)


CHANGE = change.Change(lambda config: config.invert_probability > 0, apply)
"""


class WithInverting(augment_config.AugmentConfig):
    invert_probability: float = 0.0


def test_a_change_is_one_file_and_a_setting(monkeypatch, tmp_path, pixels):
    (tmp_path / "inverting.py").write_text(INVERTING)
    monkeypatch.setattr(changes, "__path__", [*changes.__path__, str(tmp_path)])
    # Gone from the imported modules afterwards.
    monkeypatch.setitem(sys.modules, f"{changes.__name__}.inverting", None)
    monkeypatch.delitem(sys.modules, f"{changes.__name__}.inverting")
    registry.every.cache_clear()
    try:
        off = WithInverting(**NOTHING.model_dump())
        config = off.model_copy(update={"invert_probability": 0.5})
        assert augment.is_identity(off) and not augment.is_identity(config)
        changed = augment.augment(pixels, config, SEED).numpy()
        inverted = (changed == 255 - pixels).all(axis=(1, 2, 3))
        assert (inverted | (changed == pixels).all(axis=(1, 2, 3))).all()
        assert 16 <= inverted.sum() <= 48
        # Before erasing, which changes where it did without it.
        erasing = {"erase_probability": 1.0, "invert_probability": 1.0}
        both = augment.augment(pixels, off.model_copy(update=erasing), SEED).numpy()
        without = off.model_copy(update={"erase_probability": 1.0})
        erased = augment.augment(pixels, without, SEED).numpy()
        kept = erased == pixels
        np.testing.assert_array_equal(both[~kept], erased[~kept])
        assert (both[kept] == 255 - pixels[kept]).mean() > 0.99
    finally:
        registry.every.cache_clear()


def test_beyond_the_edge_lies_grey_if_a_setting_says_so():
    """Where the mirrored warp shows the image a second time; inside, both are the same."""
    image = np.random.default_rng(0).integers(0, 100, (1, 16, 16, 3), np.uint8)
    one, zero = tf.ones([1], tf.float64), tf.zeros([1], tf.float64)
    maps = [warp.matrix((one, zero, zero, one), (zero + 5 / 16, zero - 3 / 16))]
    mirrored, grey = warp.sample(image, maps), warp.sample(image, maps, "grey").numpy()
    np.testing.assert_array_equal(grey[0, 3:, :11], image[0, :13, 5:])
    np.testing.assert_array_equal(grey[0, 3:, :11], mirrored[0, 3:, :11])
    assert (grey[0, :3] == warp.GREY).all() and (grey[0, :, 11:] == warp.GREY).all()
    masks = np.ones((1, 16, 16), np.uint8)
    void = warp.sample_nearest(masks, maps, "grey").numpy()[0] == 255
    np.testing.assert_array_equal(void, (grey[0] == warp.GREY).all(axis=-1))
