import numpy as np
import pytest

from components.report import config as report_config
from tasks.multilabel.panels import chosen
from tests.tasks.multilabel.panels import reports

LABELS = ("a", "b")
THRESHOLDS = (0.5, 0.4)


def choose(truths, probabilities, listed=12, **about):
    found = reports.answered(truths, probabilities, THRESHOLDS, LABELS, **about)
    return chosen.choose(found, report_config.ReportConfig(listed=listed))


def pairs(rows):
    return [(row.path, row.label) for row in rows]


def test_wrong_and_missed_labels_the_worst_first():
    found = choose(
        [[1, 0], [0, 0], [1, 1], [0, 1]], [[0.9, 0.45], [0.7, 0.1], [0.2, 0.3], [0.6, 0.9]]
    )
    assert pairs(found.false_alarms) == [("1.jpg", "a"), ("3.jpg", "a"), ("0.jpg", "b")]
    assert pairs(found.misses) == [("2.jpg", "a"), ("2.jpg", "b")]
    first = found.false_alarms[2]
    assert (first.annotated, first.predicted) == (("a",), ("a", "b"))
    assert (first.probability, first.threshold) == (pytest.approx(0.45), pytest.approx(0.4))
    assert pairs(found.doubtful)[:2] == [("0.jpg", "b"), ("2.jpg", "b")]


def test_an_image_that_was_not_read_is_in_no_list():
    found = choose([[1, 0], [0, 1]], [[0.1, 0.9], [0.9, 0.1]], valid=[True, False])
    assert found.paths() == {"0.jpg"}


def test_lists_are_as_long_as_allowed_but_counts_are_whole():
    random = np.random.default_rng(0)
    truths = random.random([300, 2]) < 0.5
    rates = np.where(truths, 0.9, 0.1) + random.normal(0, 0.02, truths.shape)
    lost, added = np.flatnonzero(truths[:, 0])[:5], np.flatnonzero(~truths[:, 1])[:3]
    rates[lost, 0], rates[added, 1] = 0.99, 0.01  # as sure as the surest
    truths[lost, 0], truths[added, 1] = False, True
    found = choose(truths, rates.clip(0, 1), listed=2)
    assert (found.missing_count, found.wrong_count) == (5, 3)
    assert len(found.missing) == len(found.wrong) == len(found.false_alarms) == 2
    assert {row.label for row in found.missing} == {"a"}
    assert {row.path for row in found.missing} <= {f"{index}.jpg" for index in lost}
    assert {row.path for row in found.wrong} <= {f"{index}.jpg" for index in added}


@pytest.mark.parametrize("truths", [[[0, 0]] * 3, [[1, 1]] * 3, [[1, 0], [0, 1], [0, 0]]])
def test_a_label_that_too_few_have_or_lack_is_not_checked(truths):
    found = choose(truths, [[0.9, 0.1]] * 3)
    assert (found.missing_count, found.wrong_count) == (0, 0)
