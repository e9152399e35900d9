"""A mask goes through records and batches unchanged, and moves with its image."""

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment, augment_config
from data.examples import example
from data.masks import convert
from tasks import task

SIDE = 16
ANNOTATION = task.load("segmentation").target.of(3, SIDE, "stretch")


def record(mask):
    made = tf.train.Example()
    for name, feature in ANNOTATION.encode(mask).items():
        made.features.feature[name].CopyFrom(feature)
    return made.SerializeToString()


def masks(count=4, shape=(SIDE, SIDE)):
    return np.random.default_rng(0).choice([0, 1, 2, 255], [count, *shape]).astype(np.uint8)


def test_a_mask_at_the_model_size_comes_back_bit_for_bit():
    given = masks()
    found = example.parse_targets(tf.constant([record(one) for one in given]), ANNOTATION)
    np.testing.assert_array_equal(found, given)
    assert ANNOTATION.spec.is_compatible_with(found)


def test_a_mask_at_the_image_size_is_resized_by_nearest():
    (given,) = masks(1, (20, 37))
    found = example.parse_targets(tf.constant([record(given)]), ANNOTATION)[0]
    np.testing.assert_array_equal(found, convert.nearest(given, (SIDE, SIDE)))


def test_classes_of_images_and_pixels_of_classes():
    given = np.full([2, SIDE, SIDE], 255, np.uint8)
    given[1, :2] = 2
    assert ANNOTATION.presence(given).tolist() == [[False] * 3, [False, False, True]]
    assert ANNOTATION.counts(given).tolist() == [0, 0, 2 * SIDE]


def test_rare_classes_are_repeated():
    given = np.zeros([3, SIDE, SIDE], np.uint8)
    given[1, 0, 0] = 2
    given[2] = 255
    factors = tf.constant([0.25, 1.0, 9.0], tf.float64)
    assert ANNOTATION.repeats(tf.constant(given), factors).numpy().tolist() == [0.5, 3.0, 1.0]


def test_masks_move_as_their_images_do():
    config = augment_config.AugmentConfig()
    draws = augment.view_draws([b"a", b"b"], 1, 0)
    given = masks(2)
    found = ANNOTATION.moved(tf.constant(given), tf.constant(draws), config)
    np.testing.assert_array_equal(found, augment.apply_to_masks(given, draws, config))
    assert (np.asarray(found) != given).any()


def test_equal_annotations_are_equal():
    assert hash(ANNOTATION) == hash(task.load("segmentation").target.of(3, SIDE, "stretch"))
    with pytest.raises(TypeError):
        task.load("segmentation").target.of(3)
