"""Answers of detection: from outputs to columns and back."""

import json

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from tasks.boxes import rows
from tasks.detection import answers
from tests.tasks.boxes import made
from tests.tasks.detection.made_predictions import predictions, record

ABOUT = {"thresholds": [0.5, 0.2]}


def outputs():
    boxes = np.zeros((2, 100, 4), np.float32)
    boxes[0, :2] = [[1, 2, 11, 22], [3, 4, 5, 6]]
    scores = np.zeros((2, 100), np.float32)
    scores[0, :2] = [0.75, 0.25]
    class_ids = np.zeros((2, 100), np.int32)
    class_ids[0, 1] = 1
    return {
        "boxes": boxes,
        "scores": scores,
        "class_ids": class_ids,
        "num_detections": np.array([2, 0]),
        "image_size": np.array([[50, 100], [30, 40]]),
    }


def table():
    records = [record([[0.5, 0, 1, 0.25]], ["pear"], crowd=[True]), record([], [])]
    annotated = answers.ANSWERS.annotated(tf.constant(records))
    return pa.table({**annotated, **answers.ANSWERS.columns(outputs())})


def test_columns_have_their_types_and_only_what_was_found():
    found = table()
    assert {name: found.schema.field(name).type for name in answers.ANSWERS.answer} == dict(
        answers.ANSWERS.answer
    )
    first, second = found.to_pylist()
    assert first["boxes"] == [1, 2, 11, 22, 3, 4, 5, 6]
    assert second["boxes"] == second["scores"] == []
    np.testing.assert_array_equal(answers.objects_of(first), [[25, 0, 50, 25, 1, 1, 0, 1]])
    assert answers.objects_of(second).shape == (0, 8)
    np.testing.assert_array_equal(
        answers.detections_of(first, ABOUT),
        [[1, 2, 11, 22, 0.75, 0, 1], [3, 4, 5, 6, 0.25, 1, 1]],
    )


def test_what_is_shown_depends_on_the_thresholds():
    first, second = table().to_pylist()
    told = answers.ANSWERS.told(first, ["apple", "pear"], {"thresholds": [0.8, 0.2]})
    assert told == {"predicted": ["pear"], "score": 0.25}
    assert answers.ANSWERS.told(second, ["apple", "pear"], ABOUT) == {"predicted": [], "score": 0.0}
    assert answers.ANSWERS.told(None, ["apple", "pear"], ABOUT)["predicted"] is None
    (detection, _) = answers.ANSWERS.named(first, ["apple", "pear"])["detections"]
    assert detection == {
        "label": "apple", "score": 0.75, "ymin": 1, "xmin": 2, "ymax": 11, "xmax": 22,
    }  # fmt: skip


def test_thresholds_come_from_the_contract():
    contract = {"labels": ["pear", "apple"], "thresholds": {"apple": 0.5, "pear": 0.2}}
    assert answers.ANSWERS.about(contract) == {"thresholds": [0.2, 0.5]}


def test_records_to_evaluate_are_never_empty():
    row = table().to_pylist()[1]
    values = answers.ANSWERS.evaluated(row, ABOUT)
    assert all(len(one) > 0 for one in values.values())
    assert len(rows.unpacked(values[rows.OBJECTS], rows.OBJECT_COLUMNS)) == 0
    detections, class_count = rows.headless(
        rows.unpacked(values[rows.DETECTIONS], rows.DETECTION_COLUMNS)
    )
    assert (len(detections), class_count) == (0, 2)


def test_answers_by_another_label_map():
    found = predictions(made.images(5))
    moved = found.aligned(["d", "x", "a", "b"])
    before = np.concatenate(list(found.detections))
    after = np.concatenate(list(moved.detections))
    assert (before[:, 5] == 0).sum() == (after[:, 5] == 2).sum()
    assert (before[:, 5] == 3).sum() == (after[:, 5] == 0).sum()
    assert len(after) == (before[:, 5] != 2).sum()


def test_pairs_are_in_one_order():
    found = predictions(made.images(6))
    mixed = found.taken([3, 1, 5, 0, 2, 4])
    first, second = found.paired(mixed)
    assert first.paths == second.paths
    assert all(map(np.array_equal, first.detections, second.detections))
    others = predictions(made.images(6, seed=9))
    assert found.paired(others) is None


def test_an_image_is_right_if_all_objects_and_nothing_else_are_found():
    truth, _ = made.images(1, seed=3)[0]
    assert len(truth.class_ids) > 1
    scores = np.full(len(truth.class_ids), 0.9)
    perfect = type(made.images(1)[0][1])(truth.boxes, scores, truth.class_ids)
    missing = type(perfect)(truth.boxes[1:], scores[1:], truth.class_ids[1:])
    keep = ~truth.is_crowd & ~truth.is_difficult
    assert keep[0]
    found = predictions([(truth, perfect), (truth, missing)])
    assert found.right.tolist() == [True, False]
    assert found.mean_score == pytest.approx(0.9)
    np.testing.assert_array_equal(
        found.support[:3], 2 * np.bincount(truth.class_ids[keep], minlength=3)
    )


def test_files_of_users_have_a_line_a_detection_a_coco_document_and_pictures():
    first, second = (
        {**row, "path": name} for row, name in zip(table().to_pylist(), "ab", strict=True)
    )
    labels = ["apple", "pear"]
    lines = answers.ANSWERS.lines(first, labels, ABOUT)
    assert [line[:3] for line in lines] == [["apple", 0.75, True], ["pear", 0.25, True]]
    assert len(answers.ANSWERS.header(labels)) == len(lines[0])
    for row in (second, None):
        assert answers.ANSWERS.lines(row, labels, ABOUT) == [[None] * len(lines[0])]
    whole = json.loads(
        "".join(answers.ANSWERS.documented(lambda: iter([first, second]), labels, ABOUT))
    )
    assert [(one["height"], one["width"]) for one in whole["images"]] == [(50, 100), (30, 40)]
    assert [one["bbox"] for one in whole["annotations"]] == [[2, 1, 20, 10], [4, 3, 2, 2]]
    picture = np.zeros((50, 100, 3), np.uint8)
    assert answers.ANSWERS.drawn(picture, first, labels, ABOUT).any()
    assert not answers.ANSWERS.drawn(picture, second, labels, ABOUT).any()
