"""All figures of a set."""

import numpy as np
import pytest

from tasks.boxes import average_precision, matching, measures
from tests.tasks.boxes import made

THRESHOLDS = np.full(4, 0.5)


def test_means_leave_out_classes_without_objects():
    figures = measures.measure(made.images(30), THRESHOLDS)
    assert figures.left_out == [3]
    assert np.isnan(figures.classes[3].ap50)
    assert figures.map50 == pytest.approx(np.mean([one.ap50 for one in figures.classes[:3]]))
    assert 0 <= figures.map50_low < figures.map50_high <= 1
    assert all(one.ap50_low < one.ap50_high for one in figures.classes[:3])
    assert max(figures.map, figures.map75) <= figures.map50
    assert set(figures.by_area) == {"small", "medium", "large"}


def test_kinds_add_up():
    rows = made.images(30, difficult=0.2)
    figures = measures.measure(rows, THRESHOLDS)
    objects = sum(int((~truth.is_crowd & ~truth.is_difficult).sum()) for truth, _ in rows)
    assert figures.kinds["right"] + figures.kinds["missed"] == objects
    shown = sum(int((found.scores >= 0.5).sum()) for _, found in rows)
    assert sum(figures.kinds.values()) - figures.kinds["missed"] == shown
    by_class = [sum(one.values()) for one in figures.kinds_by_class]
    assert sum(by_class) == sum(figures.kinds.values())


def test_the_recall_at_the_threshold_is_that_of_the_kinds():
    rows = made.images(30)
    figures = measures.measure(rows, THRESHOLDS)
    for one, kinds in zip(figures.classes[:3], figures.kinds_by_class[:3], strict=True):
        assert one.recall == pytest.approx(kinds["right"] / one.support)


@pytest.mark.landing
def test_intervals_contain_the_true_value_about_as_often_as_promised():
    """Of 20 sets of one distribution, the interval must contain the value of a large set in most."""
    large = made.images(500, seed=1000)
    matches = [matching.match(truth, found, 4) for truth, found in large]
    true = average_precision.mean(
        average_precision.per_class(average_precision.gather(matches, 4))[0]
    )
    inside = 0
    for index in range(20):
        some = average_precision.gather(matches[index * 25 : (index + 1) * 25], 4)
        weights = measures.bootstrap_weights(25, index, 100)
        means = measures.mean_of_rows(average_precision.bootstrap(some, weights))
        value = average_precision.mean(average_precision.per_class(some)[0])
        low, high = measures.interval(value, means, int(some.positives[0].sum()))
        inside += low <= true <= high
    assert inside >= 17  # percentiles of the replicates: 12


def test_all_found_is_no_certainty():
    low, high = measures.interval(1.0, np.ones(50), 20)
    assert (low, high) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert np.isnan(measures.interval(float("nan"), np.ones(50), 0)).all()
