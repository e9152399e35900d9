import ast
import csv
from pathlib import Path

import pytest

from data.files import spreadsheet

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "＝"])
def test_no_name_is_a_formula(first):
    name = f'{first}HYPERLINK("http://evil","a")|cmd'
    text = spreadsheet.text(["path", "reason"], [[name, "damaged"]])
    header, row = csv.reader(text.splitlines(keepends=True))
    assert header == ["path", "reason"]
    assert row == [f"'{name}", "damaged"]


def test_other_names_stay_as_they_are():
    assert spreadsheet.cell("cat/a=b-1.png") == "cat/a=b-1.png"
    assert spreadsheet.cell("") == ""
    assert spreadsheet.cell("a\udcff") == "a\\udcff"


def test_csv_files_are_written_here_alone():
    """But for the ledger, which holds digests; serving, which imports nothing of data, has the same rule."""
    writers = {
        path.relative_to(ROOT).as_posix()
        for package in ("data", "tasks", "components", "pipeline", "serving")
        for path in (ROOT / package).rglob("*.py")
        if "csv" in path.read_text()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in ("writer", "DictWriter")
        and getattr(node.value, "id", "") == "csv"
    }
    assert writers == {
        "data/files/spreadsheet.py",
        "data/splits/split.py",
        "serving/client/written.py",
    }
