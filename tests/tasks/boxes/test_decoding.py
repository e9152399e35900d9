"""Maps of the head → boxes, against a naive search for peaks."""

import numpy as np
import tensorflow as tf

from tasks.boxes import decoding


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
    decoded = {name: value.numpy() for name, value in decoding.decode(tf.constant(maps)).items()}
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
    plain = decoding.decode(tf.constant(maps))
    suppressed = decoding.decode(tf.constant(maps), 0.3)
    assert (plain["scores"][0, :3] > 0.5).numpy().all()
    np.testing.assert_array_equal(suppressed["scores"][0, :2], plain["scores"].numpy()[0, [0, 2]])
    np.testing.assert_array_equal(suppressed["boxes"][0, :2], plain["boxes"].numpy()[0, [0, 2]])
    assert (suppressed["scores"][0, 2:] < 0.01).numpy().all()
