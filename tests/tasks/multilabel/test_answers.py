import json

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf

from data import errors
from data.examples import records
from data.files import read_back
from tasks.multilabel import answers
from tasks.multilabel.answers import ANSWERS
from tasks.predictions import schema
from tests.tasks.multilabel.answered import LABELS, answered

CONTRACT = {"labels": LABELS, "thresholds": {"cat": 0.25, "bus": 0.5, "rare": 0.9, "dog": 0.5}}
ABOUT = ANSWERS.about(CONTRACT)
COLUMNS = schema.fields(ANSWERS.annotation, ANSWERS.answer)


def record(names, label_ids) -> bytes:
    made = tf.train.Example()
    made.features.feature["image/class/text"].bytes_list.value.extend(names)
    made.features.feature["image/class/label"].int64_list.value.extend(label_ids)
    return made.SerializeToString()


def row(path: str, label_ids, probabilities, valid=True) -> dict:
    return {
        "path": path.encode(), "labels": [LABELS[one].encode() for one in label_ids],
        "label_ids": label_ids, "valid": valid, "probabilities": probabilities,
    }  # fmt: skip


def written(uri, rows, about=ABOUT):
    made = schema.make(LABELS, "0" * 64, COLUMNS, about)
    path = schema.shard_path(str(uri), "test", records.shard_name(0, 1))
    schema.write(path, made, pa.Table.from_pylist(rows, made).to_batches())


def test_the_labels_of_records_are_lists_of_any_length():
    found = ANSWERS.annotated(
        tf.constant([record([b"cat", b"\xff"], [1, 3]), record([], []), record([b"bus"], [0])])
    )
    assert found["labels"].to_pylist() == [[b"cat", b"\xff"], [], [b"bus"]]
    assert found["label_ids"].to_pylist() == [[1, 3], [], [0]]
    assert {name: column.type for name, column in found.items()} == ANSWERS.annotation


def test_an_artifact_is_read_with_its_thresholds(tmp_path):
    rows = [row("a", [1, 3], [0.4, 0.3, 0.6, 0.8]), row("b", [], [0.0] * 4, valid=False)]
    written(tmp_path, rows)
    found = ANSWERS.read(str(tmp_path), "test")
    assert found.truths.tolist() == [[False, True, False, True], [False] * 4]
    assert found.given.tolist() == [[False, True, True, False], [False] * 4]
    assert found.right.tolist() == [False, True]
    assert found.support.tolist() == [0, 1, 0, 1]


def test_an_image_that_cannot_be_read_is_given_nothing_even_at_a_threshold_of_0():
    found = answered([[0, 0, 0, 0]], [[0, 0, 0, 1]], thresholds=0, valid=[False])
    assert not found.given.any()
    assert not found.answers.any()


@pytest.mark.parametrize(
    "about", [{}, {"thresholds": [0.5]}, {"thresholds": [0.5, 0.5, 0.5, 7]}, {"thresholds": "x"}]
)
def test_thresholds_that_are_missing_or_wrong_are_an_error(tmp_path, about):
    written(tmp_path, [row("a", [], [0.5] * 4)], about)
    with pytest.raises(errors.PipelineError, match="--force Predict"):
        ANSWERS.read(str(tmp_path), "test")


def test_a_label_number_below_0_is_an_error(tmp_path):
    written(tmp_path, [row("a", [], [0.5] * 4) | {"label_ids": [-1]}])
    with pytest.raises(errors.PipelineError, match="below 0"):
        ANSWERS.read(str(tmp_path), "test")


def test_columns_follow_another_label_map():
    found = answered([[0.9, 0.1, 0.6, 0.2]], [[1, 0, 0, 0]], thresholds=[0.8, 0.05, 0.7, 0.1])
    moved = found.aligned(["cat", "new", "bus", "dog", "rare"])
    assert moved.given.tolist() == [[True, False, True, False, True]]
    assert moved.truths.shape == (1, 5)
    assert not moved.given[:, 1].any()


def test_the_evaluation_record_has_truths_probabilities_and_what_is_given():
    made = ANSWERS.evaluated(row("a", [1, 3], [0.4, 0.3, 0.6, 0.8]), ABOUT)
    assert made["targets"] == [0, 1, 0, 1]
    assert made["answers"] == pytest.approx([0.4, 0.3, 0.6, 0.8, 0, 1, 1, 0])
    nothing = ANSWERS.evaluated(row("b", [2], [0.0] * 4, valid=False), ABOUT)
    assert nothing == {"targets": [0, 0, 1, 0], "answers": [0] * 8}
    with pytest.raises(errors.PipelineError, match="label number 4; the model knows 4"):
        ANSWERS.evaluated(row("a", [1], [0.5] * 4) | {"label_ids": [4]}, ABOUT)


def test_the_user_is_told_the_labels_most_probable_first():
    columns = ANSWERS.told(row("a", [], [0.6, 0.3, 0.8, 0.8]), LABELS, ABOUT)
    assert columns == {"predicted": ["dog", "bus", "cat"]}
    assert ANSWERS.told(row("a", [], [0.0] * 4), LABELS, ABOUT) == {"predicted": []}
    assert ANSWERS.told(None, LABELS, ABOUT) == {"predicted": None}
    assert json.loads(answers.as_json(['a "b"', "ß"])) == ['a "b"', "ß"]


def test_another_models_answers_come_with_its_labels_and_thresholds(tmp_path):
    own = answered([[0.9, 0.1, 0.6, 0.2]], [[1, 0, 0, 0]])
    rows = [{"valid": True, "outlier_score": None, "probabilities": [0.3, 0.6]}]
    kinds = {"valid": pa.bool_(), "outlier_score": pa.float32(), **ANSWERS.answer}
    table = pa.Table.from_pylist(rows, pa.schema(kinds.items()))
    found = ANSWERS.replaced(own, table, ["cat", "old"], {"thresholds": [0.25, 0.9]})
    assert found.aligned(LABELS).given.tolist() == [[False, True, False, False]]
    with pytest.raises(read_back.BrokenError):
        ANSWERS.replaced(own, table, ["cat", "old"], ABOUT)


def test_images_are_sampled_by_their_rarest_label():
    found = answered(np.zeros([4, 4]), [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]])
    assert found.groups.tolist() == [1, 0, answers.NO_LABEL, 3]
