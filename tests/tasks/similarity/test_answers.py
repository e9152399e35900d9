import numpy as np
import pyarrow as pa

from tasks.retrieval import ranks
from tasks.similarity import answers
from tests.tasks.similarity import made_predictions

CONTRACT = {
    "labels": made_predictions.LABELS,
    "gallery": made_predictions.SOUND,
    "held_out_classes": ["b"],
    "calibration": "As they are.",
}
OUTPUTS = {
    "neighbours": np.array([[b"a/1.jpg", b"b/\xff.jpg"], [b"", b""]], object),
    "neighbour_labels": np.array([[b"a", b"b"], [b"", b""]], object),
    "cosines": np.float32([[0.9, 0.5], [0, 0]]),
    "ranked_label_ids": np.int32([[0, 1, 1, 0], [-1] * 4]),
    "vector": np.float32([[0.6, 0.8], [0, 0]]),
}


def rows():
    columns = answers.ANSWERS.columns(OUTPUTS)
    assert {name: column.type for name, column in columns.items()} == dict(answers.ANSWERS.answer)
    return pa.table(columns).to_pylist()


def test_a_refused_image_has_no_neighbours():
    one, refused = rows()
    assert one["neighbours"] == ["a/1.jpg", "b/\ufffd.jpg"] and one["neighbour_labels"] == [
        "a",
        "b",
    ]
    assert (refused["neighbours"], refused["cosines"]) == ([], [])
    about = answers.ANSWERS.about(CONTRACT)
    assert answers.ANSWERS.told(one, CONTRACT["labels"], about) == {
        "predicted": "a",
        "score": one["cosines"][0],
    }
    assert answers.ANSWERS.told(refused, [], about) == {"predicted": None, "score": None}


def test_users_get_a_line_for_each_neighbour():
    one, refused = rows()
    lines = answers.ANSWERS.lines(one, CONTRACT["labels"], {})
    assert [line[:3] for line in lines] == [[1, "a/1.jpg", "a"], [2, "b/\ufffd.jpg", "b"]]
    assert answers.ANSWERS.lines(refused, [], {}) == answers.ANSWERS.lines(None, [], {})
    assert len(answers.ANSWERS.header([])) == len(lines[0])
    named = answers.ANSWERS.named(one, CONTRACT["labels"])
    assert named["neighbours"][1] == {"path": "b/\ufffd.jpg", "label": "b", "cosine": 0.5}


def test_what_is_evaluated_is_what_the_gate_computes():
    """TFMA reads rows of Predictions, the gate whole answers: both must judge alike."""
    ranked = [[0, 1, 1, 0, 1, 2], [1, 1, 0, 0, 2, 1], [-1] * 6, [2, 0, 0, 1, 1, 1]]
    found = made_predictions.predictions(ranked, [0, 1, 2, 0], held_out=["b"])
    about = answers.ANSWERS.about(CONTRACT)
    by_row = [
        answers.ANSWERS.evaluated({"ranked_label_ids": row, "label_id": label}, about)["retrieval"]
        for row, label in zip(ranked, [0, 1, 2, 0], strict=True)
    ]
    np.testing.assert_allclose(by_row, found.answers)
    assert found.first_ranks.tolist() == [1, 1, 0, 2]
    assert found.right.tolist() == [True, True, False, False]
    assert found.answers[:, ranks.HELD_OUT].tolist() == [0, 1, 0, 0]


def test_another_label_map_moves_classes_and_forgets_unknown_ones():
    found = made_predictions.predictions([[0, 1, 2]], [0], counts=(2, 3, 1), held_out=["b"])
    moved = found.aligned(["c", "new", "b"])
    assert moved.ranked.tolist() == [[-1, 2, 0]] and moved.counts.tolist() == [1, 0, 3]
    assert moved.labels == ["c", "new", "b"]
    assert np.isin(moved.labels, list(moved.held_out)).tolist() == [False, False, True]


def test_taken_and_relabelled_answers_keep_the_gallery():
    found = made_predictions.predictions([[0, 1], [1, 0]], [0, 0])
    one = found.taken([1])
    assert one.counts.tolist() == [2, 3, 1] and one.neighbour_labels[0] == ["b", "a"]
    changed = found.relabelled({"001.jpg": ["b"]})
    assert changed is not None and changed.right.tolist() == [True, True]
    assert found.relabelled({"001.jpg": ["unheard"]}) is None
    assert found.mean_score == np.float64(0.9)
