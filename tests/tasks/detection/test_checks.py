"""Each check of boxes, with a planted case, and silent without it."""

from types import SimpleNamespace

import numpy as np
import pytest

from data.boxes.given import HARMLESS, Box, Fault, Given
from data.examples import catalog, ingest_report
from data.images import decode, quality
from tasks.detection import checks
from tasks.detection.checks import annotations

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


OF_FAULTS = {
    "box_size_tags": {Fault.SIZE_ABSENT, Fault.SIZE_WRONG},
    "annotation_names": {Fault.OTHER_NAME},
    "class_numbers": {Fault.UNUSED_CLASS, Fault.NUMBERS_FROM_ONE},
}
OF_FAULTS["bad_boxes"] = set(Fault) - set.union(*OF_FAULTS.values())


@pytest.mark.parametrize(
    ("name", "fault"),
    [(name, fault) for name in sorted(OF_FAULTS) for fault in sorted(OF_FAULTS[name])],
)
def test_what_ingest_listed_is_told_by_one_check_with_its_image_and_count(name, fault):
    rows = [
        ingest_report.BadBox("2.jpg", "2.xml", f"line {line}", fault.value, "1, 2, 3")
        for line in (3, 7)
    ]
    images = [image(1, ("apple", 5, 5, 40, 40)), image(2, ("pear", 5, 5, 40, 40))]
    (found,) = ALL[name](context(*images, bad=rows[: 1 if name == "class_numbers" else 2]))
    if name == "class_numbers":
        assert "2.xml" in found.message and "1, 2, 3" in found.message
    else:
        assert [case.images for case in found.cases] == [(1,), (1,)]
        assert ["line 3" in found.cases[0].detail, "line 7" in found.cases[1].detail] == [True] * 2
        assert found.removable == [1]
        assert found.message.startswith(f"2 × {fault.value.replace('_', ' ')} in annotations")
        assert ("is used all the same" in found.message) == (fault in HARMLESS)
    others = OF_FAULTS.keys() - {name}
    assert all(list(ALL[other](context(*images, bad=rows))) == [] for other in others)


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


def objects(split, *labels, start=0):
    """Makes an image for each list of labels, all its boxes apart."""
    boxes = [[(label, 9 * n, 5, 9 * n + 7, 12) for n, label in enumerate(one)] for one in labels]
    return [image(start + n, *one, split=split) for n, one in enumerate(boxes)]


def test_a_split_of_other_classes_or_more_objects_is_told():
    apples, pears = ["apple"] * 4, ["pear"] * 4
    learnt = objects("train", *[apples] * 4, *[pears] * 4)
    alike = objects("test", apples, pears, start=50)
    assert list(ALL["object_balance"](context(*learnt, *alike))) == []
    (found,) = ALL["object_balance"](context(*learnt, *objects("test", *[apples] * 3, start=50)))
    assert "The test split is unlike" in found.message
    assert "'pear' is 0.0% of 12 objects, in training 50.0%" in found.message
    few = objects("eval", *[["apple"], ["pear"]] * 3, start=50)
    (found,) = ALL["object_balance"](context(*learnt, *few))
    assert "1.0 objects an image, in training 4.0" in found.message


def test_boxes_of_an_image_that_is_stored_smaller_and_turned_are_read_in_the_file_s_pixels():
    smaller = INFO._replace(
        width=25, height=50, reencoded=True, file_width=100, file_height=200, orientation=6
    )
    # 200×100 as stored in the file, so the boxes are for that.
    given = Given("1.xml", (Box("apple", (150, 10, 190, 40), "line 1"),), width=200, height=100)
    one = image(1, ("apple", 1, 1, 9, 9))._replace(info=smaller, boxes=given.to_json())
    (found,) = annotations.of(context(one))
    np.testing.assert_allclose(found.boxes, [[0.75, 0.6, 0.95, 0.9]])
    assert list(ALL["tiny_boxes"](context(one))) == []


def test_boxes_for_which_no_size_tells_are_checked_as_the_setting_of_ingest_reads_them():
    turned = INFO._replace(reencoded=True, file_width=100, file_height=200, orientation=6)
    given = Given("1.xml", (Box("apple", (150, 10, 190, 40), "line 1"),), width=0, height=0)
    checked = context(image(1, ("apple", 1, 1, 9, 9))._replace(info=turned, boxes=given.to_json()))
    assert not next(annotations.of(checked))  # outside of the upright image
    checked.report.boxes_turned = "stored"
    np.testing.assert_allclose(next(annotations.of(checked)).boxes, [[0.75, 0.6, 0.95, 0.9]])


def test_every_check_has_a_severity_and_a_planted_case():
    assert set(ALL) <= set(checks.Settings.model_fields)
    apart = {"label_spellings", "objects_by_split", "object_balance"}
    assert set(ALL) == {*PLANTED, *OF_FAULTS, *apart}
