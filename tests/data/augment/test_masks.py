"""The warp moves a mask with its image, and invents no value in it."""

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment, augment_config, warp

SIDE = 24
OFF = dict.fromkeys(
    (
        "rotation_degrees",
        "zoom_fraction",
        "translation_fraction",
        "brightness_fraction",
        "contrast_fraction",
    ),
    0.0,
)
STILL = augment_config.AugmentConfig(horizontal_flip=False, **OFF)


def masks(count=3):
    return np.random.default_rng(1).choice([0, 1, 7, 255], [count, SIDE, SIDE]).astype(np.uint8)


def draws(count=3):
    return augment.view_draws([bytes([index]) for index in range(count)], 1, 5)


@pytest.mark.parametrize("shift", [(0, 0), (3, 0), (0, -5), (7, 2), (-SIDE + 1, 4)])
def test_shifts_by_whole_pixels_are_exact(shift):
    """Compared with NumPy's symmetric padding, whose rule of mirroring is the warp's."""
    zero, one = (tf.constant([value] * 3, tf.float64) for value in (0.0, 1.0))
    x, y = (tf.constant([value / SIDE] * 3, tf.float64) for value in shift)
    moved = warp.sample_nearest(tf.constant(masks()), [warp.matrix((one, zero, zero, one), (x, y))])
    padded = np.pad(masks(), [(0, 0), (SIDE, SIDE), (SIDE, SIDE)], "symmetric")
    column, row = SIDE + shift[0], SIDE + shift[1]
    np.testing.assert_array_equal(moved, padded[:, row : row + SIDE, column : column + SIDE])


@pytest.mark.parametrize("flips", [(-1, 1), (1, -1), (-1, -1)])
def test_flips_are_exact(flips):
    x, y = (tf.constant([float(value)] * 3, tf.float64) for value in flips)
    zero = tf.zeros_like(x)
    moved = warp.sample_nearest(
        tf.constant(masks()), [warp.matrix((x, zero, zero, y), (zero, zero))]
    )
    np.testing.assert_array_equal(moved, masks()[:, :: flips[1], :: flips[0]])


def test_the_default_changes_invent_no_value_and_move_most_of_them():
    config = augment_config.AugmentConfig(vertical_flip=True, policy="randaugment")
    moved = augment.apply_to_masks(masks(), draws(), config).numpy()
    assert set(np.unique(moved)) <= {0, 1, 7, 255}
    assert (moved != masks()).mean() > 0.3


def test_a_mask_moves_with_its_image():
    """Of an image that shows the mask in two levels, most pixels agree after any change."""
    config = STILL.model_copy(
        update={"rotation_degrees": 30.0, "zoom_fraction": 0.2, "horizontal_flip": True}
    )
    mask = np.zeros([1, 64, 64], np.uint8)
    mask[:, 10:40, 20:50] = 255
    image = np.repeat(mask[..., None], 3, 3)
    for view in range(4):
        drawn = augment.view_draws([b"a"], view + 1, 0)
        moved = augment.apply_to_masks(mask, drawn, config).numpy()
        shown = augment.apply(image, drawn, config).numpy()[..., 0]
        assert ((shown > 127) == (moved > 127)).mean() > 0.99
        assert (moved != mask).mean() > 0.02


def test_what_changes_colours_alone_leaves_masks():
    config = STILL.model_copy(update={"brightness_fraction": 0.5, "erase_probability": 1.0})
    np.testing.assert_array_equal(augment.apply_to_masks(masks(), draws(), config), masks())
