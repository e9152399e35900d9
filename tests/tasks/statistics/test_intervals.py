import statistics

import numpy as np
import pytest

from tasks.statistics import counts, intervals


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize(
    ("successes", "trials"), [(0, 1), (1, 1), (0, 30), (7, 30), (30, 30), (123_456, 10**7)]
)
def test_wilson_equals_its_formula(successes, trials, confidence):
    z, rate = statistics.NormalDist().inv_cdf((1 + confidence) / 2), successes / trials
    centre = rate + z**2 / (2 * trials)
    spread = z * (rate * (1 - rate) / trials + (z / (2 * trials)) ** 2) ** 0.5
    expected = [end / (1 + z**2 / trials) for end in (centre - spread, centre + spread)]
    found = intervals.wilson(successes, trials, confidence)
    assert found == pytest.approx(expected, abs=1e-12)
    assert 0 <= found.low <= found.high <= 1


def test_without_trials_there_is_no_interval():
    assert intervals.wilson(0, 0, 0.95) is None


CONFUSION = np.array([[30, 4, 1, 0], [6, 20, 3, 1], [2, 5, 11, 0]])
COUNTED = counts.Counts.of(CONFUSION)


def naive(confusion: np.ndarray, confidence: float) -> np.ndarray:
    """Images drawn with replacement, one resample after the other: [K, 2]."""
    generator = np.random.default_rng(7)
    true, predicted = np.indices(confusion.shape).reshape(2, -1).repeat(confusion.ravel(), axis=1)
    scores = []
    for _ in range(2000):
        drawn = generator.integers(0, len(true), len(true))
        of_drawn = [true[drawn] == k for k in range(3)], [predicted[drawn] == k for k in range(3)]
        scores.append(
            [2 * (t & p).sum() / (t.sum() + p.sum()) for t, p in zip(*of_drawn, strict=True)]
        )
    tail = (1 - confidence) / 2
    return np.quantile(scores, [tail, 1 - tail], axis=0).T


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_f1_equals_a_naive_bootstrap(confidence):
    found = np.array(intervals.f1(COUNTED, confidence, samples=4000))
    np.testing.assert_allclose(found, naive(CONFUSION, confidence), atol=0.02)


def test_f1_is_the_same_each_time_and_in_parts(monkeypatch):
    whole = intervals.f1(COUNTED, 0.95)
    assert whole == intervals.f1(COUNTED, 0.95)
    assert whole != intervals.f1(COUNTED, 0.95, seed=1)
    monkeypatch.setattr(intervals, "_AT_ONCE", 1)
    np.testing.assert_allclose(intervals.f1(COUNTED, 0.95), whole, atol=0.02)


def test_f1_of_a_perfect_and_of_a_missed_class_is_no_point():
    perfect, missed, absent = intervals.f1(
        counts.Counts.of(np.array([[5, 0, 0, 0], [0, 0, 0, 3], [0, 0, 0, 0]])), 0.95
    )
    assert perfect.high == 1 and 0.6 < perfect.low < 0.8
    assert missed.low == 0 and 0.5 < missed.high < 0.8
    assert absent is None
