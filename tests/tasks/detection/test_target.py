"""Targets of batches: parsed from records, squared, written, moved."""

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment_config, randomness
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
