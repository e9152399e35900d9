"""Targets of batches: parsed from records, squared, written, moved."""

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment_config, randomness
from data.graph import decoding
from tasks.detection import target
from tests.tasks.detection.made_predictions import record


def parsed(records, **options):
    annotation = target.TARGET.of(2, **options)
    rows = annotation.parse(tf.io.parse_example(records, annotation.features))
    return annotation, rows.numpy()


def test_objects_of_records_with_any_number_of_them():
    several = record(
        [[0, 0, 1, 1], [0.25, 0.5, 0.5, 0.75], [0, 0, 0.5, 0.5]],
        ["pear", "apple", "apple"],
        crowd=[False, True, False],
        difficult=[False, False, True],
    )
    annotation, rows = parsed([record([], []), several], size_px=64)
    assert annotation.spec.is_compatible_with(tf.constant(rows))
    assert (rows[0, :, target.CLASS_ID] == target.NO_OBJECT).all()
    expected = np.float32(
        [[0, 0, 1, 1, 1, 0], [0.25, 0.5, 0.5, 0.75, 0, 1], [0, 0, 0.5, 0.5, 0, 1]]
    )
    np.testing.assert_array_equal(rows[1, :3], expected)
    assert (rows[1, 3:, target.CLASS_ID] == target.NO_OBJECT).all()
    assert annotation.presence(rows).tolist() == [[False, False], [True, True]]


def test_more_objects_than_places_are_cut():
    _, rows = parsed([record([[0, 0, 1, 1]] * 130, ["apple"] * 130)])
    assert rows.shape == (1, target.MAX_OBJECTS, 6)
    assert (rows[..., target.CLASS_ID] == 0).all()


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("stretch", [0.5, 0.25, 1, 0.5]),
        ("letterbox", [0.5, 0.25, 0.75, 0.5]),
        ("center_crop", [0.5, 0, 1, 0.5]),
    ],
)
def test_boxes_follow_the_image_into_its_square(mode, expected):
    annotation, rows = parsed([record([[0.5, 0.25, 1, 0.5]], ["apple"])], size_px=64, resize=mode)
    np.testing.assert_allclose(rows[0, 0, :4], expected, atol=1e-6)
    written = tf.train.Features(feature=annotation.encode(rows[0]))
    again = annotation.parse(
        tf.io.parse_example(
            [tf.train.Example(features=written).SerializeToString()], annotation.features
        )
    )
    np.testing.assert_array_equal(again, rows)


ODD = [(37, 101), (101, 37), (333, 500), (7, 640), (63, 64), (1, 9)]


@pytest.mark.parametrize("mode", ["stretch", "letterbox", "center_crop"])
@pytest.mark.parametrize("size", ODD)
def test_boxes_lie_where_the_resized_pixels_show_them(mode, size):
    height, width = size
    top, bottom = height // 3, max(height // 3 + 1, height * 3 // 4)
    left, right = width // 5, max(width // 5 + 1, width * 2 // 3)
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[top:bottom, left:right] = 255
    shares = np.float32([top, left, bottom, right]) / np.tile(size, 2)
    scale, offset = decoding.square_map(tf.constant([size]), mode, 61)
    low_y, low_x, high_y, high_x = np.clip(shares * scale[0] + offset[0], 0, 1) * 61
    shown = decoding.resize(tf.constant(pixels), 61, mode).numpy()[..., 0] / 255.0
    across, down = shown.max(axis=0), shown.max(axis=1)
    # The rectangle's edges, to half a pixel: each row and column is covered by its share.
    for cover, low, high in ((down, low_y, high_y), (across, low_x, high_x)):
        lit = np.flatnonzero(cover >= cover.max() / 2)
        assert abs(lit[0] - low) <= 0.51
        assert abs(lit[-1] + 1 - high) <= 0.51


@pytest.mark.parametrize("size", ODD)
def test_the_letterbox_of_a_box_is_that_of_the_pixels_exactly(size):
    white = tf.fill([*size, 3], tf.constant(255, tf.uint8))
    rows, columns = np.nonzero(decoding.resize(white, 61, "letterbox").numpy()[..., 0])
    scale, offset = (one.numpy()[0] for one in decoding.square_map([size], "letterbox", 61))
    expected = [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
    np.testing.assert_allclose(np.float32([0, 0, 1, 1]) * scale + offset, np.float32(expected) / 61)


def test_a_box_that_is_cropped_away_is_no_object():
    _, rows = parsed([record([[0, 0, 1, 0.2]], ["apple"])], size_px=64, resize="center_crop")
    assert rows[0, 0, target.CLASS_ID] == target.NO_OBJECT


def test_boxes_move_with_the_pixels():
    annotation, rows = parsed([record([[0, 0, 0.5, 0.25]], ["pear"])], size_px=64)
    changes = augment_config.AugmentConfig(
        rotation_degrees=0, zoom_fraction=0, translation_fraction=0
    )
    draws = np.full((1, randomness.DRAWS), 0.1, np.float32)
    moved = annotation.moved(rows, draws, changes).numpy()
    np.testing.assert_allclose(moved[0, 0], [0, 0.75, 0.5, 1, 1, 0])
    assert (moved[0, 1:, target.CLASS_ID] == target.NO_OBJECT).all()


def test_the_rarest_class_decides_how_often_an_image_is_shown():
    both, one = record([[0, 0, 1, 1]] * 2, ["apple", "pear"]), record([[0, 0, 1, 1]], ["apple"])
    annotation, rows = parsed([both, one, record([], [])])
    repeats = annotation.repeats(rows, tf.constant([0.5, 3.0]))
    assert repeats.numpy().tolist() == [3.0, 0.5, 1.0]
    with pytest.raises(ValueError, match="do not apply"):
        annotation.soft(rows)
