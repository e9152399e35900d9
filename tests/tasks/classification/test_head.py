import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics

from tasks.classification import head
from tasks.pages import matrix_picture


def drawn(count: int = 50, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    label_ids = generator.integers(0, classes, count)
    return label_ids, generator.normal(size=(count, classes)).astype(np.float32)


def naive_loss(targets: np.ndarray, logits: np.ndarray, smoothing: float, weights) -> list[float]:
    losses = []
    for target, row in zip(targets, logits.astype(float), strict=True):
        log_probabilities = row - math.log(sum(math.exp(value) for value in row))
        smooth = target * (1 - smoothing) + smoothing / len(row)
        losses.append(-float(smooth @ log_probabilities) * float(target @ weights))
    return losses


@pytest.mark.parametrize("weights", [(), (1.0, 0.5, 2.0, 3.0)])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_that_of_a_naive_loop_for_label_ids_and_probabilities(smoothing, weights):
    label_ids, logits = drawn()
    loss = head.HEAD.loss(smoothing, weights)
    one_hot = np.eye(4)[label_ids]
    expected = naive_loss(one_hot, logits, smoothing, np.array(weights or [1.0] * 4))
    np.testing.assert_allclose(loss.call(tf.constant(label_ids), logits), expected, rtol=1e-5)
    mixed = (0.7 * one_hot + 0.3 * one_hot[::-1]).astype(np.float32)
    expected = naive_loss(mixed, logits, smoothing, np.array(weights or [1.0] * 4))
    np.testing.assert_allclose(loss.call(tf.constant(mixed), logits), expected, rtol=1e-5)


def test_tallies_of_batches_add_up_to_the_confusion_matrix_and_the_accuracy():
    label_ids, logits = drawn()
    parts = [
        head.HEAD.tally(tf.constant(label_ids[start : start + 16]), logits[start : start + 16])
        for start in range(0, 50, 16)
    ]
    counts = np.sum(parts, axis=0)
    predicted = logits.argmax(1)
    np.testing.assert_array_equal(counts, metrics.confusion_matrix(label_ids, predicted))
    expected = metrics.accuracy_score(label_ids, predicted)
    assert head.HEAD.measure(counts) == pytest.approx(expected)
    (metric,) = head.HEAD.metrics(keras.Input((4,)))
    metric.update_state(tf.constant(label_ids), logits)
    assert float(metric.result()) == pytest.approx(expected)
    nothing = head.HEAD.tally(tf.zeros([0], tf.int64), tf.zeros([0, 4])).numpy()
    assert (nothing.shape, head.HEAD.measure(nothing)) == ((4, 4), 0.0)


def test_a_confusion_matrix_is_drawn_for_as_many_classes_as_can_be_read():
    counts = np.array([[9, 1], [0, 5]])
    (picture,) = head.HEAD.draw(counts, ["a", "b"]).values()
    assert picture.dtype == np.uint8
    first = matrix_picture.LABEL_PX + 2, matrix_picture.CELL_PX + 2
    assert picture[first[1], first[0], 0] < picture[first[1], first[0] + matrix_picture.CELL_PX, 0]
    many = matrix_picture.MAX_CLASSES + 1
    assert head.HEAD.draw(np.zeros((many, many), int), ["a"] * many) == {}


def test_guessing_loses_what_equal_probabilities_do():
    label_ids, _ = drawn()
    loss = head.HEAD.loss(0.0).call(tf.constant(label_ids), np.zeros((50, 4), np.float32))
    np.testing.assert_allclose(loss, head.HEAD.guessing_loss(4), rtol=1e-6)
