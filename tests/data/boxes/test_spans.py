"""Folders of images with boxes that arrive over time."""

import pytest

from data.layout import config as folder_config
from data.layout.unused import Reason
from data.sources import by_boxes
from data.splits import spans
from tests.data.boxes import folders


@pytest.fixture
def root(tmp_path):
    for number in (1, 2, 3):
        folders.images(tmp_path / f"span-{number}")
        folders.all_voc(tmp_path / f"span-{number}")
    (tmp_path / "span-3/_SUCCESS").touch()
    return tmp_path


def scanned(root, **settings):
    rows = []
    config = folder_config.FolderConfig(spans=spans.SpanConfig(**settings))
    return by_boxes.scan(root, config, rows.append), rows


def test_each_image_is_of_its_span(root):
    listing, rows = scanned(root)
    assert [one.number for one in listing.spans] == [1, 2, 3]
    assert {file.path: file.span for file in listing.files} == {
        f"span-{number}/{name}.jpg": number for number in (1, 2, 3) for name in folders.SIZES
    }
    assert listing.given_splits == {"train", "eval"}
    assert [row.path for row in rows] == ["span-3/_SUCCESS"]


def test_spans_before_the_window_are_listed_with_their_reason(root):
    listing, rows = scanned(root, window=1, fixed_test=1)
    assert [one.number for one in listing.spans] == [3]
    assert [one.number for one in listing.fixed] == [1]
    assert {file.span for file in listing.files} == {1, 3}
    assert listing.boxes.count == 10
    images = [row for row in rows if row.is_image]
    assert {row.reason for row in images} == {Reason.SPAN_OUTSIDE_WINDOW}
    assert {row.path.split("/")[0] for row in images} == {"span-2"}


def test_incomplete_spans_wait_and_images_beside_spans_are_not_used(root):
    folders.images(root / "later")
    folders.all_voc(root / "later")
    listing, rows = scanned(root, complete_only=True)
    assert {file.span for file in listing.files} == {3}
    assert [one.number for one in listing.incomplete] == [1, 2]
    reasons = {row.path.split("/")[0]: row.reason for row in rows if row.is_image}
    incomplete = Reason.SPAN_INCOMPLETE
    assert reasons == {
        "span-1": incomplete,
        "span-2": incomplete,
        "later": Reason.BESIDE_SPANS,
    }


def test_no_spans_where_a_setting_says_so(root):
    listing, _ = scanned(root, pattern="none")
    assert {file.span for file in listing.files} == {None}
    assert len(listing.files) == 9
