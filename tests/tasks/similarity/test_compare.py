import numpy as np
import pytest

from tasks.similarity import compare

COMPARE = compare.COMPARE
CONTRACT = {"labels": ["a", "b"], "neighbours": 2}
# Cosines, places and labels of two neighbours.
FOUND = np.array([[0.9, 0.5, 3, 7, 1, 0], [0, 0, 0, 0, 0, 0]])


def test_only_cosines_count_since_equal_neighbours_may_change_places():
    swapped = FOUND.copy()
    swapped[0, 2:4] = [7, 3]
    np.testing.assert_array_equal(COMPARE.distances(FOUND, swapped), [0, 0])
    farther = FOUND.copy()
    farther[0, 1] -= 0.25
    np.testing.assert_allclose(COMPARE.distances(FOUND, farther), [0.25, 0])
    farther[1, 0] = np.nan
    assert COMPARE.distances(FOUND, farther)[1] == np.inf
    assert COMPARE.width(CONTRACT) == FOUND.shape[1]


def test_the_name_is_the_label_of_the_nearest():
    assert COMPARE.names(FOUND, np.array([True, False]), CONTRACT) == ["b", ""]
    nobody = np.array([[-1.0, -1, -1, -1, -1, -1]])
    assert COMPARE.names(nobody, np.array([True]), CONTRACT) == [""]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ((0, 0, 1.01), "in −1–1"),
        ((0, 1, 0.95), "sorted"),
        ((1, 0, 0.5), "no image"),
    ],
)
def test_what_cannot_be_right_is_said(change, words):
    row, column, value = change
    wrong = FOUND.copy()
    wrong[row, column] = value
    readable = np.array([True, False])
    assert words in COMPARE.problem(wrong, readable)
    assert COMPARE.problem(FOUND, readable) is None


def test_exports_are_compared_by_their_vectors():
    eye = np.eye(3, dtype=np.float32)
    assert COMPARE.exported(eye, eye, CONTRACT) == (0.0, "the largest cosine distance of a vector")
    turned = eye.copy()
    turned[2] = [0, 0.6, 0.8]
    assert COMPARE.exported(turned, eye, CONTRACT)[0] == pytest.approx(0.2, abs=1e-6)
    assert COMPARE.exported(eye * np.nan, eye, CONTRACT)[0] == np.inf
    near = np.float32([[1, 0], [0.9, 0.1], [0, 1]])
    far = np.float32([[1, 0], [0.1, 0.9], [0, 1]])
    assert COMPARE.agreement(near, near, CONTRACT) == 1
    assert COMPARE.agreement(near, far, CONTRACT) == pytest.approx(2 / 3)
