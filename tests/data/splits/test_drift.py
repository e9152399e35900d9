import numpy as np
import pytest
from scipy.spatial import distance

from data.splits import drift


@pytest.mark.parametrize("seed", range(5))
def test_jensen_shannon_equals_scipy(seed):
    one, other = np.random.default_rng(seed).integers(0, 50, (2, 7)) + np.eye(7, dtype=int)[:2]
    expected = distance.jensenshannon(one, other, base=2) ** 2
    assert drift.jensen_shannon(one, other) == pytest.approx(expected, abs=1e-9)


def test_jensen_shannon_of_extremes():
    assert drift.jensen_shannon(np.array([3, 1]), np.array([6, 2])) == pytest.approx(0)
    assert drift.jensen_shannon(np.array([5, 0]), np.array([0, 9])) == pytest.approx(1)


def plain_discrepancy(one, other) -> float:
    """The definition, sum by sum."""
    rows = np.concatenate([one, other])
    squares = [((a - b) ** 2).sum() for i, a in enumerate(rows) for b in rows[i + 1 :]]
    median = np.median(squares)

    def mean(left, right, same: bool) -> float:
        values = [
            np.exp(-((a - b) ** 2).sum() / median)
            for i, a in enumerate(left)
            for j, b in enumerate(right)
            if not (same and i == j)
        ]
        return sum(values) / len(values)

    return mean(one, one, True) + mean(other, other, True) - 2 * mean(one, other, False)


def test_discrepancy_equals_its_definition():
    random = np.random.default_rng(0)
    one, other = random.normal(size=(9, 4)), random.normal(0.5, size=(12, 4))
    found, _ = drift.maximum_mean_discrepancy(one, other, random)
    assert found == pytest.approx(plain_discrepancy(one, other))


def test_a_false_alarm_is_as_rare_as_said():
    random = np.random.default_rng(0)
    chances = [
        drift.maximum_mean_discrepancy(
            random.normal(size=(30, 5)), random.normal(size=(40, 5)), random
        )[1]
        for _ in range(60)
    ]
    assert np.mean(np.array(chances) < 0.1) < 0.25
    shifted = drift.maximum_mean_discrepancy(
        random.normal(size=(30, 5)), random.normal(1.0, size=(40, 5)), random
    )
    assert shifted[1] < 0.01


def test_constant_samples_do_not_differ():
    found, chance = drift.maximum_mean_discrepancy(
        np.ones([5, 3]), np.ones([4, 3]), np.random.default_rng(0)
    )
    assert found == pytest.approx(0)
    assert chance == 1
