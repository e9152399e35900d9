"""Each kind of error, planted."""

import numpy as np
import pytest

from tasks.boxes import errors, matching
from tasks.boxes.errors import Kind

THRESHOLDS = np.array([0.5, 0.5])


def sort(objects, detections):
    count = len(objects)
    truth = matching.Truth(
        np.array([row[:4] for row in objects], float).reshape(-1, 4),
        np.array([row[4] for row in objects], int),
        np.ones(count),
        np.zeros(count, bool),
        np.array([len(row) > 5 for row in objects], bool),
    )
    found = matching.Detections(
        np.array([row[:4] for row in detections], float).reshape(-1, 4),
        np.array([row[5] for row in detections], float),
        np.array([row[4] for row in detections], int),
    )
    return errors.sort(truth, found, THRESHOLDS)


@pytest.mark.parametrize(
    ("detection", "kind"),
    [
        ((0, 0, 10, 10, 0, 0.9), Kind.RIGHT),
        ((0, 0, 10, 10, 1, 0.9), Kind.WRONG_CLASS),
        ((0, 4, 10, 14, 0, 0.9), Kind.BADLY_PLACED),
        ((40, 40, 50, 50, 0, 0.9), Kind.FALSE),
        ((20, 20, 30, 30, 0, 0.9), Kind.IGNORED),
        ((0, 0, 10, 10, 0, 0.4), None),
    ],
)
def test_kinds_of_one_detection(detection, kind):
    found = sort([(0, 0, 10, 10, 0), (20, 20, 30, 30, 0, "difficult")], [detection])
    assert found.detections == [kind]
    assert found.objects == [Kind.RIGHT if kind is Kind.RIGHT else Kind.MISSED, Kind.IGNORED]


def test_the_better_of_two_on_one_object_is_right_the_other_a_duplicate():
    found = sort([(0, 0, 10, 10, 0)], [(0, 0, 10, 9, 0, 0.6), (0, 0, 10, 10, 0, 0.8)])
    assert found.detections == [Kind.DUPLICATE, Kind.RIGHT]
    assert found.other.tolist() == [0, 0]


def test_images_without_objects_or_answers():
    assert sort([], [(0, 0, 1, 1, 0, 0.9)]).detections == [Kind.FALSE]
    assert sort([(0, 0, 1, 1, 0)], []).objects == [Kind.MISSED]
