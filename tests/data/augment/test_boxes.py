"""Boxes move as the pixels do."""

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment, augment_config, boxes, randomness

SIDE = 64
NONE = augment_config.AugmentConfig(
    horizontal_flip=False,
    rotation_degrees=0,
    zoom_fraction=0,
    translation_fraction=0,
    brightness_fraction=0,
    contrast_fraction=0,
)


def draws_of(**values):
    draws = np.full((1, randomness.DRAWS), 0.5, np.float32)
    for name, value in values.items():
        draws[0, randomness.Draw[name]] = value
    return draws


def seen(corners, draws, config):
    """The box around the changed pixels of a white rectangle on black."""
    pixels = np.zeros((1, SIDE, SIDE, 3), np.uint8)
    top, left, bottom, right = (round(value * SIDE) for value in corners)
    pixels[0, top:bottom, left:right] = 255
    changed = augment.apply(tf.constant(pixels), tf.constant(draws), config).numpy()
    rows, columns = np.nonzero(changed[0, ..., 0] > 127)
    return np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]) / SIDE


CASES = {
    "flip": ({"horizontal_flip": True}, {"FLIP_HORIZONTAL": 0.1}),
    "vertical flip": ({"vertical_flip": True}, {"FLIP_VERTICAL": 0.1}),
    "shift": ({"translation_fraction": 0.25}, {"TRANSLATION_X": 0.75, "TRANSLATION_Y": 0.25}),
    "zoom": ({"zoom_fraction": 0.5}, {"ZOOM": 0.25}),
    "rotation": ({"rotation_degrees": 30}, {"ROTATION": 0.9}),
    "quarter": ({"rotation_degrees": 180}, {"ROTATION": 0.75}),
    "crop": (
        {"crop_min_area_fraction": 0.5},
        {"CROP_AREA": 0.4, "CROP_X": 0.3, "CROP_Y": 0.6},
    ),
    "several": (
        {"horizontal_flip": True, "zoom_fraction": 0.3, "rotation_degrees": 20},
        {"FLIP_HORIZONTAL": 0.1, "ZOOM": 0.2, "ROTATION": 0.3},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_box_lies_around_the_moved_pixels(name):
    extents, values = CASES[name]
    config = NONE.model_copy(update=extents)
    corners = np.float32([18, 22, 38, 50]) / SIDE
    draws = draws_of(**values)
    moved, kept = boxes.move(corners[None, None], draws, config)
    assert kept.numpy().all()
    assert np.abs(moved[0, 0] - corners).max() > 0.02
    np.testing.assert_allclose(moved[0, 0], seen(corners, draws, config), atol=2.1 / SIDE)


def test_a_flip_is_exact():
    config = NONE.model_copy(update={"horizontal_flip": True})
    corners = np.float32([[[0.25, 0, 0.5, 0.125]]])
    moved, _ = boxes.move(corners, draws_of(FLIP_HORIZONTAL=0.1), config)
    np.testing.assert_array_equal(moved, np.float32([[[0.25, 0.875, 0.5, 1]]]))


def test_boxes_are_clipped_and_lost_below_a_share():
    config = NONE.model_copy(update={"translation_fraction": 0.5})
    draws = draws_of(TRANSLATION_X=0.75)  # samples from the right: content moves left by 0.25
    corners = np.float32([[[0, 0.2, 1, 0.4], [0, 0.1, 1, 0.3], [0, 0, 1, 0.2], [0, 0, 0, 0]]])
    moved, kept = boxes.move(corners, draws, config)
    assert kept.numpy().tolist() == [[True, False, False, False]]
    np.testing.assert_allclose(moved[0, 0], [0, 0, 1, 0.15], atol=1e-6)
    assert (moved[0, 1:].numpy() == 0).all()
    _, all_kept = boxes.move(corners, draws, config, min_left_share=0.2)
    assert all_kept.numpy().tolist() == [[True, True, False, False]]


def test_without_geometry_boxes_stay():
    corners = np.float32([[[0.1, 0.2, 0.3, 0.4]]])
    moved, kept = boxes.move(corners, draws_of(), NONE)
    np.testing.assert_array_equal(moved, corners)
    assert kept.numpy().all()
