import numpy as np
import pytest
from sklearn import metrics

from tasks.multilabel.calibration import thresholds


def drawn(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    present = generator.random((count, 3)) < [0.1, 0.4, 0.8]
    scores = 1 / (1 + np.exp(-2 * present - generator.normal(size=present.shape) + 1))
    if seed % 2:
        scores = np.round(scores, 1)  # ties
    return scores.astype(np.float32), present


def best_f1(scores: np.ndarray, present: np.ndarray) -> float:
    return max(metrics.f1_score(present, scores >= one) for one in np.unique(scores))


@pytest.mark.parametrize("seed", range(6))
def test_no_threshold_has_a_higher_f1(seed):
    scores, present = drawn(seed)
    found = thresholds.find(scores, present)
    assert found.too_few == found.unreached == ()
    for label in range(3):
        named = scores[:, label] >= found.thresholds[label]
        reached = metrics.f1_score(present[:, label], named)
        assert reached == pytest.approx(best_f1(scores[:, label], present[:, label]))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("floor", [0.5, 0.9])
def test_no_threshold_of_the_wanted_precision_has_a_higher_recall(seed, floor):
    scores, present = drawn(seed)
    found = thresholds.find(scores, present, floor)
    for label in range(3):
        rows, true = scores[:, label], present[:, label]
        options = [
            (metrics.recall_score(true, rows >= one), metrics.precision_score(true, rows >= one))
            for one in np.unique(rows)
        ]
        named = rows >= found.thresholds[label]
        precision = metrics.precision_score(true, named)
        if label in found.unreached:
            assert max(value for _, value in options) < floor
            assert precision == pytest.approx(max(value for _, value in options))
        else:
            assert precision >= floor
            best = max(recall for recall, value in options if value >= floor)
            assert metrics.recall_score(true, named) == pytest.approx(best)


def test_a_threshold_lies_between_scores_and_separates_what_can_be_separated():
    scores = np.array([[0.1], [0.2], [0.3], [0.35], [0.4], [0.6], [0.7], [0.8], [0.9], [0.95]])
    present = np.arange(10)[:, None] >= 5
    found = thresholds.find(scores.astype(np.float32), present)
    assert found.thresholds[0] == pytest.approx(0.5)
    assert found.thresholds.dtype == np.float32


@pytest.mark.parametrize("positives", [0, 4, 196, 200])
def test_too_few_images_leave_the_default(positives):
    scores, present = drawn(0)
    present[:, 1] = np.arange(200) < positives
    found = thresholds.find(scores, present)
    assert found.too_few == (1,)
    assert found.thresholds[1] == thresholds.DEFAULT


def test_neighbouring_scores_are_still_told_apart():
    low = np.float32(0.5)
    high = np.nextafter(low, np.float32(1))
    scores = np.repeat([low, high], 10)[:, None]
    found = thresholds.find(scores, np.repeat([False, True], 10)[:, None])
    assert (scores[:, 0] >= found.thresholds[0]).tolist() == [False] * 10 + [True] * 10


def test_without_images_nothing_fails():
    found = thresholds.find(np.zeros((0, 2), np.float32), np.zeros((0, 2), bool))
    assert found.thresholds.tolist() == [0.5, 0.5]
