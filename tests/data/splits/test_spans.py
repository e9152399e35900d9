import os

import pytest
from pydantic import ValidationError

from data import errors
from data.layout import class_checks
from data.layout import config as folder_config
from data.sources import by_folder
from data.splits import folder, spans
from tests.data.folders import touch, unused_in


def scan(root, **config) -> folder.Listing:
    return by_folder.scan(root, folder_config.FolderConfig(spans=spans.SpanConfig(**config)))


def numbers(root, **config) -> list[int]:
    return [span.number for span in scan(root, **config).spans]


def test_numbered_spans_in_the_order_of_their_numbers(tmp_path):
    touch(tmp_path, *(f"span-{i}/{name}/a" for i in (1, 2, 10) for name in ("cat", "dog")))
    listing = by_folder.scan(tmp_path)
    assert [span.number for span in listing.spans] == [1, 2, 10]
    assert listing.class_names == ["cat", "dog"]
    assert {file.span for file in listing.files} == {1, 2, 10}
    assert listing.files[0].path == "span-1/cat/a"


@pytest.mark.parametrize("names", [("2031-05-01", "2031-04-30"), ("20310501", "20310430")])
def test_dated_spans(tmp_path, names):
    touch(tmp_path, *(f"{name}/cat/a" for name in names))
    assert numbers(tmp_path) == [20310430, 20310501]


def test_a_rolling_window(tmp_path):
    touch(tmp_path, *(f"span-{i}/cat/a" for i in range(5)))
    listing = scan(tmp_path, window=2)
    assert [span.number for span in listing.spans] == [3, 4]
    assert len(listing.files) == 2
    assert numbers(tmp_path, window=9) == [0, 1, 2, 3, 4]


def test_split_folders_within_a_span(tmp_path):
    touch(tmp_path, "span-1/train/cat/a", "span-1/val/cat/b", "span-2/train/cat/c")
    found = {(file.span, file.split, file.class_name) for file in by_folder.scan(tmp_path).files}
    assert found == {(1, "train", "cat"), (1, "eval", "cat"), (2, "train", "cat")}


def test_markers_and_strays_are_unused(tmp_path):
    paths = ["span-1/cat/a", "span-1/_SUCCESS", "span-2/cat/b", "README", "notes/x", "span-2/loose"]
    listing = scan(touch(tmp_path, *paths), pattern="span-{SPAN}")
    assert len(listing.files) == 2
    assert unused_in(tmp_path, spans={"pattern": "span-{SPAN}"}) == [
        ("README", "outside_class_folder"),
        ("notes/x", "beside_spans"),
        ("span-1/_SUCCESS", "hidden_or_system"),
        ("span-2/loose", "outside_class_folder"),
    ]


def test_classes_with_such_names_are_no_spans(tmp_path):
    """Class folders hold files; spans hold class folders."""
    touch(tmp_path, "20310501/a.jpg", "20310502/b.jpg", "span-7/c.jpg")
    listing = by_folder.scan(tmp_path)
    assert listing.spans == ()
    assert listing.class_names == ["20310501", "20310502", "span-7"]
    touch(tmp_path, "99999999/deep/a.jpg")  # no date
    assert by_folder.scan(tmp_path).spans == ()


def test_spans_can_be_switched_off(tmp_path):
    touch(tmp_path, "span-1/cat/a", "span-2/cat/b")
    assert scan(tmp_path, pattern="none").class_names == [
        "span-1",
        "span-2",
    ]


def test_a_pattern_of_ones_own(tmp_path):
    touch(tmp_path, "batch 3 of May/cat/a", "batch 12 of May/cat/a")
    assert numbers(tmp_path, pattern="batch {SPAN} of May") == [3, 12]
    with pytest.raises(errors.DataError, match=r"No folder in .* matches ingest\.spans\.pattern"):
        numbers(tmp_path, pattern="week-{SPAN}")
    with pytest.raises(ValidationError, match="must be in it"):
        spans.SpanConfig(pattern="week")


def test_one_span_twice_is_an_error(tmp_path):
    touch(tmp_path, "span-1/cat/a", "span-01/cat/a")
    with pytest.raises(errors.DataError, match=r"span-01 and span-1 in .* are the same span"):
        by_folder.scan(tmp_path)


def test_only_complete_spans_where_asked_for(tmp_path):
    touch(tmp_path, "span-1/cat/a", "span-1/_SUCCESS", "span-2/cat/b", "span-3/half.part")
    listing = scan(tmp_path, complete_only=True)
    assert [span.number for span in listing.spans] == [1]
    assert [span.number for span in listing.incomplete] == [2, 3]
    assert [file.path for file in listing.files] == ["span-1/cat/a"]
    touch(tmp_path, "span-2/_SUCCESS")
    assert numbers(tmp_path, complete_only=True, window=1) == [2]


def test_before_any_span_is_complete_there_is_nothing(tmp_path):
    (tmp_path / "span-1").mkdir()
    listing = scan(tmp_path, complete_only=True)
    assert listing.files == ()
    with pytest.raises(errors.DataError, match="no _SUCCESS is in span-1 yet"):
        class_checks.check(listing)


def test_folders_without_spans_need_no_marker(tmp_path):
    touch(tmp_path, "cat/a", "dog/b")
    assert len(scan(tmp_path, complete_only=True).files) == 2


def test_spans_outside_the_window_and_unfinished_ones_are_told(tmp_path):
    touch(tmp_path, *(f"span-{i}/cat/a" for i in range(4)), "span-1/_SUCCESS", "span-3/_SUCCESS")
    found = dict(unused_in(tmp_path, spans={"window": 1, "complete_only": True}))
    assert found["span-1/cat/a"] == "span_outside_window"
    assert found["span-2/cat/a"] == "span_incomplete"
    assert "span-3/cat/a" not in found


def test_a_span_that_is_a_link_is_never_followed(tmp_path):
    touch(tmp_path, "root/span-1/cat/a", "root/span-1/dog/b", "elsewhere/cat/c", "elsewhere/dog/d")
    os.symlink(tmp_path / "elsewhere", tmp_path / "root" / "span-2")
    listing = scan(tmp_path / "root")
    assert [span.number for span in listing.spans] == [1]
    assert unused_in(tmp_path / "root") == [("span-2", "link_not_followed")]
    class_checks.check(listing)


def test_stray_files_leave_spans_what_they_are(tmp_path):
    touch(tmp_path, *(f"2031-05-0{day}/{name}/a" for day in (1, 2) for name in ("cat", "dog")))
    touch(tmp_path, "2031-05-01/notes.txt")
    (tmp_path / "2031-05-03").mkdir()  # nothing has arrived yet
    assert numbers(tmp_path) == [20310501, 20310502, 20310503]
    assert scan(tmp_path).class_names == ["cat", "dog"]
