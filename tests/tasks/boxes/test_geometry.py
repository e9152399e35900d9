"""Overlap of boxes and suppression, against naive references."""

import numpy as np
import pytest
import tensorflow as tf

from tasks.boxes import geometry, graph_geometry


def some_boxes(count, seed=0, grid=None):
    generator = np.random.default_rng(seed)
    values = generator.uniform(0, 1, (count, 2, 2))
    values = np.round(values * grid) / grid if grid else values
    low, high = values.min(axis=1), values.max(axis=1)
    return np.concatenate([low, high], axis=1)


def naive_iou(a, b):
    """Counts the cells of a grid of 64 in both and in one of two boxes."""
    one, other = np.zeros((64, 64), bool), np.zeros((64, 64), bool)
    for mask, corners in ((one, a), (other, b)):
        top, left, bottom, right = (round(value * 64) for value in corners)
        mask[top:bottom, left:right] = True
    union = (one | other).sum()
    return (one & other).sum() / union if union else 0.0


def test_iou_equals_counting_cells():
    ones, others = some_boxes(20, 0, 64), some_boxes(15, 1, 64)
    expected = [[naive_iou(a, b) for b in others] for a in ones]
    np.testing.assert_allclose(geometry.iou(ones, others), expected, atol=1e-12)


def test_crowds_divide_by_the_detection_alone():
    crowd = geometry.iou(np.array([[0, 0, 1, 1.0]]), np.array([[0, 0, 0.5, 4.0]]), np.array([True]))
    assert crowd.tolist() == [[0.5]]


def test_iou_in_a_graph_equals_that_of_numpy():
    ones, others = some_boxes(20, 4), some_boxes(20, 5)
    found = graph_geometry.iou(tf.constant(ones, tf.float32), tf.constant(others, tf.float32))
    np.testing.assert_allclose(found, np.diag(geometry.iou(ones, others)), atol=1e-6)
    empty = tf.constant([[0.5, 0.5, 0.5, 0.5]])
    assert graph_geometry.iou(empty, empty).numpy() == [0]


def test_giou_of_known_pairs():
    a = tf.constant([[0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1], [0.5, 0.5, 0.5, 0.5]], tf.float32)
    b = tf.constant([[0, 0, 1, 1], [0, 1, 1, 2], [0, 3, 1, 4], [0.5, 0.5, 0.5, 0.5]], tf.float32)
    # Far apart, the box around both is 4, the union 2: 0 − 2 / 4.
    np.testing.assert_allclose(graph_geometry.giou(a, b), [1, 0, -0.5, 0], atol=1e-6)


def test_giou_never_exceeds_iou():
    a, b = some_boxes(50, 2), some_boxes(50, 3)
    overlap = np.diag(geometry.iou(a, b))
    general = graph_geometry.giou(tf.constant(a, tf.float32), tf.constant(b, tf.float32)).numpy()
    assert (general <= overlap + 1e-6).all()
    assert (general >= -1).all()


def naive_suppression(boxes, scores, class_ids, max_iou):
    kept = []
    for index in np.argsort(-scores, kind="stable"):
        same = [other for other in kept if class_ids[other] == class_ids[index]]
        if all(geometry.iou(boxes[[index]], boxes[[other]])[0, 0] <= max_iou for other in same):
            kept.append(index)
    return np.isin(np.arange(len(scores)), kept)


@pytest.mark.parametrize("rounds", [None, 8])
@pytest.mark.parametrize("max_iou", [0.1, 0.3, 0.5])
def test_suppression_equals_the_naive_one(max_iou, rounds):
    generator = np.random.default_rng(4)
    boxes, scores = some_boxes(60, 5).astype(np.float32), generator.permutation(60) / 60 + 0.01
    class_ids = generator.integers(0, 3, 60)
    expected = np.where(naive_suppression(boxes, scores, class_ids, max_iou), scores, 0)
    order = np.argsort(-scores)
    found = graph_geometry.suppress(
        tf.constant(boxes[order])[None],
        tf.constant(scores[order], tf.float32)[None],
        tf.constant(class_ids[order], tf.int32)[None],
        max_iou,
        rounds,
    )
    np.testing.assert_allclose(found[0], expected[order], rtol=1e-6)
    apart = tf.constant(boxes + 2 * class_ids[:, None].astype(np.float32))
    kept = tf.image.non_max_suppression(apart, tf.constant(scores, tf.float32), 60, max_iou)
    np.testing.assert_array_equal(np.sort(kept), np.flatnonzero(expected))
    assert 0 < (expected > 0).sum() < 60
