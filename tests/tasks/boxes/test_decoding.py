"""Maps of the head → boxes, against a naive search for peaks."""

import numpy as np
import tensorflow as tf

from tasks.boxes import decoding, geometry


def naive_peaks(heat):
    """Positions (score, row, column, class) that no neighbour of 3×3 exceeds, best first."""
    height, width, classes = heat.shape
    found = []
    for row in range(height):
        for column in range(width):
            window = heat[max(row - 1, 0) : row + 2, max(column - 1, 0) : column + 2]
            for class_id in range(classes):
                if heat[row, column, class_id] >= window[..., class_id].max():
                    found.append((heat[row, column, class_id], row, column, class_id))
    return sorted(found, reverse=True)


def test_boxes_are_those_of_the_naive_peaks():
    maps = np.random.default_rng(0).normal(size=(2, 7, 9, 3 + 4)).astype(np.float32)
    maps[..., 5:] -= 2
    found = decoding.decode(tf.constant(maps), 1.0, peaks_only=True)
    decoded = {name: value.numpy() for name, value in found.items()}
    for image in range(2):
        expected = naive_peaks(1 / (1 + np.exp(-maps[image, ..., :3].astype(np.float64))))
        count = min(len(expected), decoding.MAX_DETECTIONS)
        assert count > 20
        assert (decoded["scores"][image, count:] == 0).all()
        for index, (score, row, column, class_id) in enumerate(expected[:count]):
            dy, dx, log_height, log_width = maps[image, row, column, 3:].astype(np.float64)
            centre = np.array([(row + 0.5 + dy) / 7, (column + 0.5 + dx) / 9])
            half = np.exp([log_height, log_width]) / 2
            box = np.concatenate([centre - half, centre + half])
            np.testing.assert_allclose(decoded["scores"][image, index], score, rtol=1e-5)
            np.testing.assert_allclose(decoded["boxes"][image, index], box, rtol=1e-4, atol=1e-5)
            assert decoded["class_ids"][image, index] == class_id


def test_suppression_moves_removed_boxes_to_the_end():
    maps = np.full((1, 8, 8, 1 + 4), -9.0, np.float32)
    maps[..., 1:] = 0
    maps[0, 2, 2, 0], maps[0, 2, 4, 0], maps[0, 6, 6, 0] = 3, 2, 1
    maps[0, ..., 3:] = np.log(0.5)
    maps[0, 6, 6, 3:] = np.log(0.1)
    plain = decoding.decode(tf.constant(maps), 1.0, peaks_only=True)
    suppressed = decoding.decode(tf.constant(maps), 0.3, peaks_only=True)
    assert (plain["scores"][0, :3] > 0.5).numpy().all()
    np.testing.assert_array_equal(suppressed["scores"][0, :2], plain["scores"].numpy()[0, [0, 2]])
    np.testing.assert_array_equal(suppressed["boxes"][0, :2], plain["boxes"].numpy()[0, [0, 2]])
    assert (suppressed["scores"][0, 2:] < 0.01).numpy().all()


def test_two_objects_on_one_slope_of_the_heat_map_are_both_found():
    """The second one's cell has a better neighbour, which means the first object."""
    maps = np.full((1, 8, 8, 1 + 4), -9.0, np.float32)
    maps[..., 1:3], maps[..., 3:] = 0, np.log(0.3)
    maps[0, 3, 1, 0], maps[0, 3, 2, 0] = 3.0, 2.5
    maps[0, 3, 2, 2] = 4.0  # its box lies four cells further right
    both = decoding.decode(tf.constant(maps), 0.5)
    shown = (both["scores"][0] > 0.3).numpy()
    centres = (both["boxes"][0, :, 1] + both["boxes"][0, :, 3]).numpy()[shown] / 2
    np.testing.assert_allclose(sorted(centres), [1.5 / 8, 6.5 / 8], atol=1e-6)
    peaks = decoding.decode(tf.constant(maps), 0.5, peaks_only=True)
    assert (peaks["scores"][0] > 0.3).numpy().sum() == 1


def test_boxes_are_those_of_naive_suppression_among_the_candidates():
    maps = np.random.default_rng(1).normal(size=(1, 16, 16, 2 + 4)).astype(np.float32)
    maps[..., 4:] -= 1
    found = decoding.decode(tf.constant(maps), 0.4)
    heat = 1 / (1 + np.exp(-maps[0, ..., :2].astype(np.float64)))
    order = np.argsort(-heat.ravel(), kind="stable")[: decoding.CANDIDATES]
    boxes = decoding.boxes_of(tf.constant(maps[..., 2:]))[0].numpy().reshape(-1, 4)[order // 2]
    boxes = np.clip(boxes, 0, 1)
    kept: list[int] = []
    for index in range(len(order)):
        same = [other for other in kept if order[other] % 2 == order[index] % 2]
        if not same or geometry.iou(boxes[[index]], boxes[same]).max() <= 0.4:
            kept.append(index)
    assert len(kept) > 20
    count = min(len(kept), decoding.MAX_DETECTIONS)
    expected = heat.ravel()[order[kept]][:count]
    np.testing.assert_allclose(found["scores"][0, :count], expected, rtol=1e-5)
