"""Answers with several labels an image, as users get them."""

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from components.predict.user_files import answering, tables
from tasks.multilabel.answers import ANSWERS
from tasks.predictions import schema

LABELS = ["cat", 'a "big", dog']
ABOUT = {"thresholds": [0.5, 0.25]}
ROWS = (("both.jpg", [0.6, 0.9]), ("none.jpg", [0.1, 0.2]), ("broken.jpg", None))


@pytest.fixture(scope="module")
def part(tmp_path_factory) -> str:
    path = str(tmp_path_factory.mktemp("parts") / "0.parquet")
    about = schema.make(LABELS, "0" * 64, answering.fields(ANSWERS), ABOUT)
    rows = []
    for name, probabilities in ROWS:
        row = {"path": name.encode(), "valid": probabilities is not None}
        row |= {"probabilities": probabilities} if probabilities else ANSWERS.nothing(LABELS)
        row |= ANSWERS.told(row if probabilities else None, LABELS, ABOUT)
        rows.append(row | {"reason": None if probabilities else "damaged"})
    schema.write(path, about, pa.Table.from_pylist(rows, about).to_batches())
    return path


def written(part: str, path: Path) -> Path:
    assert tables.write(path, [part], ANSWERS) == {"damaged": 1}
    return path


def test_csv_has_the_labels_as_json_since_a_name_may_hold_any_separator(part, tmp_path):
    with written(part, tmp_path / "answers.csv").open(encoding="utf-8-sig", newline="") as file:
        both, none, broken = csv.DictReader(file)
    assert json.loads(both["predicted"]) == ['a "big", dog', "cat"]
    assert (none["predicted"], broken["predicted"]) == ("[]", "")
    assert float(both['probability of a "big", dog']) == pytest.approx(0.9)
    assert broken["probability of cat"] == ""
    assert "score" not in both


def test_json_lines_have_a_list_and_probabilities_by_name(part, tmp_path):
    lines = written(part, tmp_path / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    both, none, broken = map(json.loads, lines)
    assert both["predicted"] == ['a "big", dog', "cat"]
    assert both["probabilities"] == pytest.approx({"cat": 0.6, 'a "big", dog': 0.9})
    assert none["predicted"] == []
    assert broken["predicted"] is None and "probabilities" not in broken


def test_parquet_has_lists_and_the_thresholds(part, tmp_path):
    table = pq.read_table(written(part, tmp_path / "answers.parquet"))
    assert table["predicted"].to_pylist() == [['a "big", dog', "cat"], [], None]
    assert schema.about_of(table.schema) == ABOUT
