"""Test labels that a person corrected: both models are judged on them, and the decision says so."""

import numpy as np
import pytest

from components.release_gate import gate
from tasks.classification import answers as one_label
from tasks.multilabel import answers as any_labels

PATHS = ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]


def classes(
    truths: list[int], predicted: list[int], labels=("cat", "dog")
) -> one_label.Predictions:
    return one_label.Predictions(
        labels=list(labels),
        paths=PATHS,
        valid=np.ones(4, bool),
        outlier_scores=np.zeros(4, np.float32),
        label_ids=np.array(truths),
        probabilities=np.eye(len(labels), dtype=np.float32)[predicted],
    )


def test_both_are_judged_on_the_corrected_labels_and_on_those_before():
    candidate = classes([0, 0, 1, 1], [0, 0, 1, 1])
    served = classes([0, 0, 1, 1], [1, 0, 1, 0])
    check = gate.corrected_labels(candidate, served, {"a.jpg": ("dog",), "gone.jpg": ("cat",)})
    assert (check.name, check.verdict) == (gate.CORRECTED, "release")
    assert check.figures == {
        "count": 1,
        "candidate_right": 1.0,
        "candidate_right_before": 0.75,
        "served_right": 0.5,
        "served_right_before": 0.75,
    }
    assert check.message == (
        "1 of 4 test labels was corrected by a person; both models are judged on the corrected labels."
        " The candidate is right on 100.0% of the images by the corrected labels, on 75.0% by those"
        " before. The served model is right on 50.0% of the images by the corrected labels, on 75.0%"
        " by those before."
    )


def test_without_a_served_model_the_candidate_alone_is_told():
    check = gate.corrected_labels(classes([0, 0, 1, 1], [0, 0, 1, 1]), None, {"a.jpg": ("dog",)})
    assert "the model is judged" in check.message and "served" not in check.message


def test_a_label_that_no_model_knows_leaves_the_shares_before_out():
    check = gate.corrected_labels(classes([0, 0, 1, 1], [0, 0, 1, 1]), None, {"a.jpg": ("cow",)})
    assert check.figures == {"count": 1}


@pytest.mark.parametrize(("before", "right"), [((), 0.75), (("cat", "dog"), 0.75), (("cat",), 1)])
def test_of_several_labels(before, right):
    truths = np.array([[1, 0], [0, 0], [1, 1], [0, 1]], bool)
    answered = any_labels.Predictions(
        labels=["cat", "dog"],
        paths=PATHS,
        valid=np.ones(4, bool),
        outlier_scores=np.zeros(4, np.float32),
        truths=truths,
        probabilities=truths.astype(np.float32),
        thresholds=np.full(2, 0.5, np.float32),
    )
    found = answered.relabelled({"a.jpg": before})
    assert found.right.mean() == right
    assert answered.truths[0].tolist() == [True, False]
