"""How far two answers are apart."""

import numpy as np
import pytest

from tasks.boxes import decoding
from tasks.detection import compare

COMPARE = compare.COMPARE
CONTRACT = {"labels": ["a", "b"], "thresholds": {"a": 0.5, "b": 0.3}}


def packed(*rows):
    """One image: rows of ymin, xmin, ymax, xmax, class, score."""
    made = np.zeros((1, decoding.MAX_DETECTIONS, decoding.COLUMNS), np.float32)
    made[0, : len(rows)] = np.reshape(rows, (-1, decoding.COLUMNS))
    return made.reshape(1, -1)


ONE = (0.1, 0.1, 0.5, 0.5, 0, 0.9)
OTHER = (0.6, 0.6, 0.8, 0.9, 1, 0.4)


@pytest.mark.parametrize(
    ("answer", "distance"),
    [
        (packed(ONE, OTHER), 0),
        (packed((*ONE[:5], 0.895), OTHER), 0.005),
        (packed((0.1, 0.1, 0.5, 0.496, 0, 0.9), OTHER), 0.1 * 0.01),
        (packed((*ONE[:4], 1, 0.9), OTHER), 1),
        (packed(ONE), 1),
        (packed(ONE, OTHER, (0.0, 0.0, 0.1, 0.1, 0, 0.3)), 0.6),
        (packed(ONE, OTHER, (0.0, 0.0, 0.1, 0.1, 0, 0.05)), 0),
    ],
    ids=["same", "score", "box", "class", "missing", "another", "faint"],
)
def test_distance_of_the_worst_detection(answer, distance):
    first = packed(ONE, OTHER)
    assert COMPARE.distances(first, answer) == pytest.approx([distance], abs=1e-6)
    assert COMPARE.distances(answer, first) == pytest.approx([distance], abs=1e-6)


def test_order_of_equal_scores_does_not_matter():
    twin = (0.0, 0.0, 0.2, 0.2, 0, 0.9)
    assert COMPARE.distances(packed(ONE, twin), packed(twin, ONE)) == [0]


def test_what_is_not_a_number_is_infinitely_far():
    broken = packed(ONE)
    broken[0, 0] = np.nan
    assert COMPARE.distances(packed(ONE), broken) == [np.inf]


def test_the_name_is_that_of_the_best_detection_at_its_threshold():
    values = np.concatenate([packed((*ONE[:5], 0.45), OTHER), packed(ONE), packed()])
    assert COMPARE.names(values, np.array([True] * 3), CONTRACT) == ["b", "a", ""]
    assert COMPARE.names(values, np.array([False] * 3), CONTRACT) == ["", "", ""]


def test_agreement_needs_the_same_objects():
    near = (0.12, 0.1, 0.5, 0.52, 0, 0.7)
    first = np.concatenate([packed(ONE), packed(ONE), packed(ONE), packed()])
    second = np.concatenate([packed(near), packed(OTHER), packed(ONE, near), packed()])
    assert COMPARE.agreement(first, second, CONTRACT) == 0.5


@pytest.mark.parametrize(
    ("values", "readable", "words"),
    [
        (packed(ONE, OTHER), True, None),
        (packed(), False, None),
        (packed(ONE), False, "no image"),
        (packed(OTHER, ONE), True, "not sorted"),
        (packed((*ONE[:5], 1.5)), True, "scores"),
        (packed((0.5, 0.1, 0.2, 0.5, 0, 0.9)), True, "inverted"),
        (packed((0.5, 0.1, 0.6, 1.5, 0, 0.9)), True, "exceed"),
    ],
)
def test_what_cannot_be_right_is_told(values, readable, words):
    problem = COMPARE.problem(values, np.array([readable]))
    assert (problem is None) if words is None else words in problem


def test_width_is_that_of_packed_detections():
    assert COMPARE.width(CONTRACT) == packed().shape[1]
    assert COMPARE.values(packed().reshape(1, 100, 6), CONTRACT).shape == (1, 600)


def test_exports_are_compared_by_matched_boxes_at_the_thresholds():
    contract = {"labels": ["a", "b"], "thresholds": {"a": 0.5, "b": 0.3}}

    def rows(*found):
        values = np.zeros((1, 100, 6))
        values[0, : len(found)] = np.reshape(found, (-1, 6))
        return values

    true = [0.1, 0.1, 0.5, 0.5, 0, 0.9]
    near = [0.1, 0.1, 0.5, 0.48, 0, 0.8]
    low = [0.6, 0.6, 0.9, 0.9, 1, 0.32]
    below = [0.6, 0.6, 0.9, 0.9, 1, 0.28]
    faint = [0.0, 0.0, 0.2, 0.2, 0, 0.1]
    compared = compare.COMPARE.exported
    assert compared(rows(true, low), rows(true, low), contract)[0] == 0
    # The order of faint boxes does not matter, and a box just below its threshold is not lost.
    difference, told = compared(rows(near, below), rows(true, low, faint), contract)
    assert difference == pytest.approx((0.1 + 0.04) / 2)
    assert told.startswith("of 2 boxes it loses 0 and adds 0; scores of the others differ by 0.07")
    assert told.endswith("an IoU of 0.975")
    difference, told = compared(rows(low), rows(true), contract)
    assert difference == 1
    assert told.startswith("of 1 boxes it loses 1 and adds 1")
    assert compared(rows(), rows(), contract)[0] == 0
    assert compared(rows() * np.nan, rows(), contract)[0] == np.inf
