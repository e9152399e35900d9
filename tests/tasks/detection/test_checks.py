"""Each check of boxes, with a planted case, and silent without it."""

from types import SimpleNamespace

import pytest

from data.boxes.given import Box, Fault, Given
from data.examples import catalog, ingest_report
from data.images import decode, quality
from tasks.detection import checks

INFO = decode.ImageInfo("JPEG", 100, 100, 3, "JPEG", False, "0" * 64, quality.Quality(*[0.5] * 6))


def image(number, *boxes, split="train", sha256=None):
    given = Given(
        f"{number}.xml",
        tuple(Box(label, corners, f"line {n}") for n, (label, *corners) in enumerate(boxes)),
        width=100,
        height=100,
    )
    labels = tuple(sorted({label for label, *_ in boxes}))
    digest = sha256 or f"{number:064d}"
    return catalog.Image(
        path=f"{number}.jpg",
        labels=labels,
        split=split,
        shard=0,
        sha256=digest,
        span=None,
        info=INFO,
        boxes=given.to_json(),
    )


def context(*images, bad=(), labels=("apple", "pear")):
    return SimpleNamespace(
        images=list(images),
        report=ingest_report.Report(bad_boxes=list(bad)),
        labels=list(labels),
        config=checks.Settings(),
    )


FINE = image(9, ("apple", 5, 5, 40, 40), ("pear", 50, 50, 90, 80))
PLANTED = {
    "repeated_boxes": [image(1, ("apple", 5, 5, 40, 40), ("apple", 5, 5, 40, 40))],
    "boxes_with_two_classes": [image(1, ("apple", 5, 5, 40, 40), ("pear", 5, 5, 40, 40))],
    "boxes_of_whole_image": [image(1, ("apple", 0, 0, 100, 100))],
    "tiny_boxes": [image(1, ("apple", 5, 5, 6, 40))],
    "crowded_boxes": [image(1, ("apple", 10, 10, 40, 40), ("apple", 5, 5, 46, 46))],
    "many_objects": [
        image(1, *(("apple", x, y, x + 5, y + 5) for x in range(0, 94, 8) for y in range(0, 94, 8)))
    ],
    "copies_with_other_boxes": [
        image(1, ("apple", 5, 5, 40, 40), sha256="a" * 64),
        image(2, ("apple", 5, 5, 41, 40), split="test", sha256="a" * 64),
    ],
}
ALL = {check.__name__: check for check in checks.CHECKS.functions}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_case_is_found_and_no_other(name):
    (found,) = ALL[name](context(FINE, *PLANTED[name]))
    assert [case.images[-1] for case in found.cases] == [len(PLANTED[name])]
    assert found.removable == [len(PLANTED[name])]
    assert list(ALL[name](context(FINE))) == []


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("bad_boxes", Fault.INVERTED),
        ("bad_boxes", Fault.CLIPPED),
        ("box_size_tags", Fault.SIZE_ABSENT),
        ("annotation_names", Fault.OTHER_NAME),
    ],
)
def test_what_ingest_listed_is_told_with_its_image(name, fault):
    row = ingest_report.BadBox("9.jpg", "9.xml", "line 3", fault.value, "1, 2, 3")
    (found,) = ALL[name](context(FINE, bad=[row]))
    assert found.cases[0].images == (0,)
    assert "line 3" in found.cases[0].detail
    others = {"bad_boxes", "box_size_tags", "annotation_names"} - {name}
    assert all(list(ALL[other](context(FINE, bad=[row]))) == [] for other in others)


def test_a_problem_of_a_whole_file_is_told_with_the_image_of_that_file():
    row = ingest_report.BadBox("", "9.xml", "line 3", Fault.MALFORMED.value)
    (found,) = ALL["bad_boxes"](context(FINE, bad=[row]))
    assert found.cases[0].images == (0,)


def test_spellings_of_one_label_are_told():
    (found,) = ALL["label_spellings"](context(labels=["Apple", "apple ", "apple-", "pear"]))
    assert "'Apple', 'apple ', 'apple-'" in found.message
    assert list(ALL["label_spellings"](context(labels=["apple", "pear"]))) == []


def test_a_class_without_objects_in_a_split_is_told():
    (found,) = ALL["objects_by_split"](context(FINE, image(1, ("apple", 1, 1, 9, 9), split="test")))
    assert "test" in found.message
    assert "'pear'" in found.message
    assert list(ALL["objects_by_split"](context(FINE))) == []


def test_every_check_has_a_severity():
    assert set(ALL) <= set(checks.Settings.model_fields)
    tested = {*PLANTED, "bad_boxes", "box_size_tags", "annotation_names"}
    assert set(ALL) == {*tested, "label_spellings", "objects_by_split"}
