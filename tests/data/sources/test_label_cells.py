import contextlib
import time

import pytest

from data.sources import label_cells


@pytest.mark.parametrize(
    ("cell", "labels"),
    [
        ("cat", ("cat",)),
        (" cat ", ("cat",)),
        ("hot dog", ("hot dog",)),
        ("tench, Tinca tinca", ("tench, Tinca tinca",)),
        ("", None),
        ("  ", None),
        ("|", None),
        ("b|a|b|", ("a", "b")),
        ("b; a", ("a", "b")),
        ("a;x|b", ("a;x", "b")),
        ('["b", "a"]', ("a", "b")),
        ("['b', \"it's\"]", ("b", "it's")),
        ("[]", None),
        ("[x]", ("[x]",)),
        ("[1, 2]", ("[1, 2]",)),
        ("e\u0301", ("\u00e9",)),
        (7, ("7",)),
        (1.0, ("1",)),
        (0.5, ("0.5",)),
        (True, ("True",)),
        (None, None),
        (float("nan"), None),
        ([], ()),
        (["b", "a", "a", " "], ("a", "b")),
        ([3, 1.0], ("1", "3")),
    ],
)
def test_labels_of_a_cell(cell, labels):
    assert label_cells.Cells("auto").labels(cell) == labels


@pytest.mark.parametrize(
    ("separator", "labels"),
    [("none", ("a|b c",)), (" ", ("a|b", "c")), ("|", ("a", "b c")), (";", ("a|b c",))],
)
def test_a_separator_that_is_given(separator, labels):
    assert label_cells.Cells(separator).labels("a|b c") == labels


def test_what_separated_is_known():
    cells = label_cells.Cells("auto")
    assert [cells.labels(cell) for cell in ("a", "a|b", "a", "a|b")] == 2 * [("a",), ("a", "b")]
    assert cells.separators == {"|"}


@pytest.mark.parametrize(
    "cell", [b"a", {"a": 1}, [["a"]], [None], "x" * 201, ["x\ny"], "a\0", "a\x1b[2J", "\ud800"]
)
def test_what_is_no_label(cell):
    with pytest.raises(ValueError):
        label_cells.Cells("auto").labels(cell)


@pytest.mark.parametrize(
    "cell",
    [
        "[" * 100_000 + "]",
        "['a'" + " " * 100_000 + "x]",
        "['a'," * 30_000 + "]",
        '["' + "\\" * 100_000 + "]",
        "|" * 100_000,
    ],
)
def test_hostile_cells_take_no_time(cell):
    start = time.process_time()
    with contextlib.suppress(ValueError):
        label_cells.Cells("auto").labels(cell)
    assert time.process_time() - start < 1
