import numpy as np
import pytest

from tasks.multilabel.compare import COMPARE

CONTRACT = {"labels": ["a", 'b "c"', "ß"], "thresholds": {"a": 0.5, 'b "c"': 0.25, "ß": 0.9}}


def test_what_a_model_must_name_by_its_own_probabilities():
    rows = np.float32([[0.6, 0.7, 0.1], [0.4, 0.2, 0.8], [0.5, 0.25, 0.9], [0, 0, 0]])
    found = COMPARE.names(rows, np.array([True, True, True, False]), CONTRACT)
    assert found == ['["b \\"c\\"", "a"]', "[]", '["ß", "a", "b \\"c\\""]', ""]


def test_answers_agree_where_exactly_the_same_labels_are_given():
    first = np.float32([[0.6, 0.7, 0.1], [0.4, 0.2, 0.8], [0.6, 0.7, 0.1]])
    second = np.float32([[0.99, 0.3, 0.8], [0.4, 0.3, 0.8], [0.6, 0.7, 0.95]])
    assert COMPARE.agreement(first, first, CONTRACT) == 1
    assert COMPARE.agreement(first, second, CONTRACT) == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("rows", "shown"),
    [
        ([[0.9, 0.9, 0.9], [0, 0, 0]], None),
        ([[1.5, 0, 0], [0, 0, 0]], "1.5"),
        ([[0, 0, -0.5], [0, 0, 0]], "-0.5"),
        ([[0, 0, 0], [0, 0.25, 0]], "0.25"),
    ],
)
def test_impossible_probabilities(rows, shown):
    found = COMPARE.problem(np.float32(rows), np.array([True, False]))
    assert (found is None) == (shown is None)
    if shown:
        assert found.endswith(f"one is {shown}")
