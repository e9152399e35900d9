"""What the head is solved for."""

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.loop import head_start
from tasks import task

ANNOTATION = task.load("classification").target.of(2)


def batches(count: int, size: int) -> tf.data.Dataset:
    """Image i has the embedding [i, −i] and the class i modulo 2."""
    rows = np.stack([np.arange(count), -np.arange(count)], axis=1).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices((rows, np.arange(count) % 2)).batch(size)


@pytest.mark.parametrize("size", [7, 16, 100])
def test_of_too_many_images_every_nth_is_taken(monkeypatch, size):
    monkeypatch.setattr(head_start, "MOST_VALUES", 2 * 30)
    found = head_start._embedded(batches(100, size), ANNOTATION, tf.identity)
    np.testing.assert_array_equal(found.features[:, 0], np.arange(0, 100, 4))
    np.testing.assert_array_equal(found.targets, np.arange(0, 100, 4) % 2)
    assert found.weights.tolist() == [1.0] * 25


def test_many_classes_take_fewer_images(monkeypatch):
    monkeypatch.setattr(head_start, "MOST_MULTIPLY_ADDS", 2 * 2 * 50)
    found = head_start._embedded(batches(100, 10), ANNOTATION, tf.identity)
    np.testing.assert_array_equal(found.features[:, 0], np.arange(0, 100, 2))


def test_images_of_rare_classes_count_more():
    found = head_start._embedded(batches(4, 4), ANNOTATION, tf.identity, [1.0, 3.0])
    assert found.weights.tolist() == [1.0, 3.0, 1.0, 3.0]


def test_an_empty_split_gives_no_images():
    found = head_start._embedded(batches(0, 4), ANNOTATION, tf.identity, [1.0, 3.0])
    assert [len(part) for part in found] == [0, 0, 0]
