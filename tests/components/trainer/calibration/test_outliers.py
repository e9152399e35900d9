import math

import numpy as np
import pytest
import tensorflow as tf

from components.trainer.calibration import outliers


def embedded(seed: int, count: int = 300, classes: int = 3, features: int = 8):
    """Clusters of positive features around a direction a class."""
    generator = np.random.default_rng(seed)
    label_ids = generator.integers(0, classes, count)
    centres = np.random.default_rng(99).random((classes, features)) + 3 * np.eye(classes, features)
    noise = 0.1 * generator.random((count, features))
    scale = 1 + generator.random((count, 1))
    return (scale * (centres[label_ids] + noise)).astype(np.float32), label_ids


def members(label_ids: np.ndarray, classes: int = 3) -> np.ndarray:
    return label_ids[:, None] == np.arange(classes)


def naive_scores(rows: np.ndarray, directions: np.ndarray) -> list[float]:
    cosines = [[row @ one / np.linalg.norm(row) for one in directions] for row in rows]
    return [1 - max(of_row) for of_row in cosines]


def test_directions_are_the_mean_unit_vectors_of_the_classes_whatever_the_batches():
    rows, label_ids = embedded(0)
    whole = outliers.directions([(rows, members(label_ids))], 3, 8)
    parts = zip(np.split(rows, 10), np.split(members(label_ids), 10), strict=True)
    np.testing.assert_allclose(outliers.directions(parts, 3, 8), whole, atol=1e-6)
    for class_id in range(3):
        units = [row / np.linalg.norm(row) for row in rows[label_ids == class_id]]
        mean = np.mean(units, axis=0)
        np.testing.assert_allclose(whole[class_id], mean / np.linalg.norm(mean), atol=1e-6)


def test_scores_equal_a_naive_loop_and_do_not_depend_on_length():
    rows, label_ids = embedded(0)
    directions = outliers.directions([(rows, members(label_ids))], 3, 8)
    scores = outliers.scores(rows, directions)
    np.testing.assert_allclose(scores, naive_scores(rows, directions), atol=1e-6)
    np.testing.assert_allclose(outliers.scores(7 * rows, directions), scores, atol=1e-6)


def test_what_points_elsewhere_scores_higher_than_any_image_of_the_classes():
    rows, label_ids = embedded(0)
    directions = outliers.directions([(rows, members(label_ids))], 3, 8)
    foreign = np.eye(8, dtype=np.float32)[5:]
    inside = outliers.scores(embedded(1)[0], directions)
    assert tf.reduce_min(outliers.scores(foreign, directions)) > tf.reduce_max(inside)


def test_a_class_without_images_has_no_direction():
    rows, label_ids = embedded(0)
    assert outliers.directions([(rows, members(2 * label_ids, 6))], 6, 8).shape == (3, 8)


def test_an_image_of_several_classes_counts_for_each_and_one_of_none_for_none():
    rows, label_ids = embedded(0)
    several = members(label_ids)
    several[:5], several[5] = [True, True, False], False
    found = outliers.directions([(rows, several)], 3, 8)
    for class_id in range(3):
        mean = np.mean([r / np.linalg.norm(r) for r in rows[several[:, class_id]]], axis=0)
        np.testing.assert_allclose(found[class_id], mean / np.linalg.norm(mean), atol=1e-6)


def test_an_embedding_of_zeros_is_no_error():
    rows, label_ids = embedded(0)
    directions = outliers.directions([(rows, members(label_ids))], 3, 8)
    assert outliers.scores(np.zeros((1, 8), np.float32), directions).numpy().tolist() == [1]


def test_without_directions_scores_are_zero():
    assert outliers.scores(tf.ones([4, 8]), None).numpy().tolist() == [0] * 4


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95])
@pytest.mark.parametrize("count", [30, 400])
def test_new_images_are_covered_as_promised(coverage, count):
    """On average over held-out splits, even small ones."""
    generator = np.random.default_rng(0)
    shares = [
        np.mean(
            generator.exponential(size=500)
            <= outliers.threshold(generator.exponential(size=count), coverage)
        )
        for _ in range(400)
    ]
    assert np.mean(shares) == pytest.approx(coverage + 0.5 / count, abs=0.5 / count + 0.006)


def test_too_few_images_give_no_threshold():
    assert outliers.threshold(np.arange(18.0), 0.95) == math.inf
    assert outliers.threshold(np.arange(19.0), 0.95) == 18
    assert outliers.threshold(np.zeros(0), 0.95) == math.inf
    assert outliers.threshold(np.arange(1000.0), 1.0) == math.inf
