import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from data.files import spreadsheet
from serving import errors
from serving.client import predicted, protocol, written


def png(value: int) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((2, 3), value, np.uint8)).save(content, "PNG")
    return content.getvalue()


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def paths(tmp_path):
    return [tmp_path / "a" / "one.jpg", tmp_path / "b" / "one.jpg", tmp_path / "text.jpg"]


def masks() -> list[predicted.Prediction]:
    outputs = {
        "valid": np.array([True, True, False]),
        "invalid_reason": np.array([b"", b"", b"unknown_format"], object),
        "label": np.array([b"sky", b"road", b""], object),
        "confidence": np.array([0.75, 0.5, 0.0], np.float32),
        "class_fractions": np.array([[0.75, 0.25], [0.0, 1.0], [0.0, 0.0]], np.float32),
        "mask_png": np.array([png(0), png(1), b""], object),
    }
    return predicted.of_answer(protocol.Answer("7", outputs))


def test_masks_and_shares(tmp_path, paths):
    folder = tmp_path / "answers"
    written.check(folder)
    made = written.write(folder, paths, masks(), ["sky", "road"])
    assert made == [folder / "answers.csv", folder / "mask"]
    found = rows(folder / "answers.csv")
    assert [(row["sky"], row["road"], row["mask"]) for row in found] == [
        ("0.75", "0.25", "mask/one.jpg.png"),
        ("0.0", "1.0", "mask/one.jpg-2.png"),
        ("0.0", "0.0", ""),
    ]
    assert (found[2]["valid"], found[2]["invalid_reason"]) == ("False", "unknown_format")
    assert found[0]["version"] == "7"
    assert (folder / found[1]["mask"]).read_bytes() == png(1)


def test_boxes_are_a_table_of_their_own(tmp_path, paths):
    outputs = {
        "valid": np.array([True]),
        "label": np.array([b"apple"], object),
        "labels": np.array([[b"apple", b"pear", b""]], object),
        "scores": np.array([[0.75, 0.5, 0.0]], np.float32),
        "boxes": np.array([[[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 0, 0]]], np.float32),
        "num_detections": np.array([2]),
    }
    found = predicted.of_answer(protocol.Answer("1", outputs))
    written.write(tmp_path / "new", paths[:1], found, ["apple", "pear"])
    boxes = rows(tmp_path / "new" / "boxes.csv")
    assert [(row["label"], row["score"], row["ymin"], row["xmax"]) for row in boxes] == [
        ("apple", "0.75", "1.0", "4.0"),
        ("pear", "0.5", "5.0", "8.0"),
    ]
    assert "apple" not in rows(tmp_path / "new" / "answers.csv")[0]


def test_classes_without_fitting_names_have_numbers(tmp_path, paths):
    written.write(tmp_path / "new", paths, masks(), ["sky"])
    assert "class 1" in rows(tmp_path / "new" / "answers.csv")[0]


@pytest.mark.parametrize("first", spreadsheet._FORMULA)
def test_no_name_is_a_formula(first):
    name = f"{first}1+1"
    assert written.cell(name) == written.cell(Path(name)) == spreadsheet.cell(name) == f"'{name}"
    assert written.cell(-1.5) == -1.5


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "empty").mkdir()
    written.check(tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "answers.csv").touch()
    for taken in (tmp_path / "full", tmp_path / "full" / "answers.csv"):
        with pytest.raises(errors.UserError, match="no empty folder"):
            written.check(taken)


def test_a_folder_that_cannot_be_made(tmp_path, paths):
    (tmp_path / "file").touch()
    with pytest.raises(errors.UserError, match="cannot be written: Not a directory"):
        written.write(tmp_path / "file" / "new", paths, masks(), [])


def test_neighbours_are_a_table_of_their_own(tmp_path, paths):
    outputs = {
        "neighbours": np.array([[b"a/1.jpg", b"b/2.jpg"], [b"a/3.jpg", b""], [b"", b""]], object),
        "neighbour_labels": np.array([[b"a", b"b"], [b"a", b""], [b"", b""]], object),
        "cosines": np.float32([[0.75, 0.5], [0.25, 0], [0, 0]]),
        "label": np.array([b"a", b"a", b""], object),
        "score": np.float32([0.75, 0.25, 0]),
        "valid": np.array([True, True, False]),
        "invalid_reason": np.array([b"", b"", b"damaged"], object),
    }
    found = predicted.of_answer(protocol.Answer("7", outputs))
    folder = tmp_path / "answers"
    made = written.write(folder, paths, found, ["a", "b"])
    assert made == [folder / "answers.csv", folder / "neighbours.csv"]
    table = [tuple(row.values()) for row in rows(folder / "neighbours.csv")]
    assert table == [
        (str(paths[0]), "1", "a/1.jpg", "a", "0.75"),
        (str(paths[0]), "2", "b/2.jpg", "b", "0.5"),
        (str(paths[1]), "1", "a/3.jpg", "a", "0.25"),
    ]
    assert [row["valid"] for row in rows(folder / "answers.csv")] == ["True", "True", "False"]
