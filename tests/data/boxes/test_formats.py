"""The readers of boxes: the same boxes in every format, and what is wrong in files."""

import json
from pathlib import PurePosixPath

import numpy as np
import pytest

from data import errors
from data.boxes import recognise, resolve, voc
from data.boxes.files import Files
from data.boxes.given import Fault, Given
from tests.data.boxes import folders


@pytest.fixture
def root(tmp_path):
    folders.images(tmp_path)
    return tmp_path


def annotations(root, wanted="auto"):
    understood = recognise.read(root, wanted)
    found = {}
    for image, given in understood.found.given.items():
        size = resolve.Size(*folders.SIZES[str(PurePosixPath(image).with_suffix(""))])
        found[image], problems = resolve.resolve(given, size)
        assert [one for one in problems if one.fault is not Fault.SIZE_ABSENT] == []
    return found, understood


def fields(annotation):
    arrays = (annotation.boxes, annotation.is_crowd, annotation.is_difficult, annotation.area_px)
    return annotation.labels, [array.tobytes() for array in arrays], annotation.boxes.dtype


@pytest.mark.parametrize("format", folders.FORMATS)
def test_the_same_boxes_make_the_same_annotation_in_every_format(root, format):
    folders.all_voc(root)
    expected, _ = annotations(root)
    for path in root.rglob("*.xml"):
        path.unlink()
    folders.FORMATS[format](root)
    found, understood = annotations(root)
    assert len(expected) == 3
    assert {name: fields(one) for name, one in found.items()} == {
        name: fields(one) for name, one in expected.items()
    }
    assert understood.found.splits == {
        "train/a.jpg": "train",
        "train/b.jpg": "train",
        "valid/c.jpg": "eval",
    }
    assert understood.found.problems == []


def test_values_are_shares_of_the_upright_image(root):
    folders.all_voc(root)
    found, _ = annotations(root)
    expected = np.float32([[4 / 60, 3 / 80, 41 / 60, 50 / 80], [0, 0, 1, 1]])
    np.testing.assert_array_equal(found["train/a.jpg"].boxes, expected)
    assert found["train/a.jpg"].labels == ("pear", "apple")
    assert found["train/a.jpg"].area_px.tolist() == [47 * 37, 80 * 60]
    assert len(found["train/b.jpg"]) == 0


def test_two_formats_at_once_are_told(root):
    folders.all_voc(root)
    folders.all_csv(root)
    understood = recognise.read(root)
    assert understood.found.format == "Pascal VOC"
    assert understood.others == {"CSV": 3}
    assert recognise.read(root, "csv").found.format == "CSV"


def test_images_without_annotation_are_told_apart_from_empty_ones(root):
    folders.all_voc(root)
    (root / "train/a.xml").unlink()
    found = recognise.read(root).found
    assert "train/a.jpg" not in found.given
    assert found.given["train/b.jpg"].boxes == ()
    assert [(one.place, one.fault) for one in found.problems] == [
        ("train/a.jpg", Fault.NO_ANNOTATION)
    ]
    assert recognise.read(root, without_annotation=True).found.given["train/a.jpg"] == Given("")


def test_no_annotation_at_all_is_refused(root):
    with pytest.raises(errors.DataError, match="No boxes were found for the 3 images"):
        recognise.read(root)


def test_image_sets_give_splits(tmp_path):
    for name in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / name).mkdir(parents=True)
    folders.images(tmp_path)
    for name in folders.SIZES:
        stem = name.rpartition("/")[2]
        (tmp_path / f"{name}.jpg").rename(tmp_path / f"JPEGImages/{stem}.jpg")
        folders.voc(tmp_path, f"Annotations/{stem}", folders.ROWS[name], folders.SIZES[name])
    (tmp_path / "ImageSets/Main/train.txt").write_text("a\nb\n")
    (tmp_path / "ImageSets/Main/test.txt").write_text("c\nb\n")
    found = voc.find(Files.below(tmp_path))
    splits = {name.rpartition("/")[2]: split for name, split in found.splits.items()}
    assert splits == {"a.jpg": "train", "b.jpg": "test", "c.jpg": "test"}


def test_yolo_text_lies_in_labels_and_may_have_polygons(tmp_path):
    for name in ("images/train", "labels/train"):
        (tmp_path / name).mkdir(parents=True)
    folders.images(tmp_path)
    (tmp_path / "train/a.jpg").rename(tmp_path / "images/train/a.jpg")
    (tmp_path / "classes.txt").write_text("apple\npear\n")
    lines = "1 0.1 0.2 0.5 0.2 0.3 0.6\n0 0.5 0.5 0.2\n9 0.5 0.5 0.1 0.1\n"
    (tmp_path / "labels/train/a.txt").write_text(lines)
    found = recognise.read(tmp_path).found
    (box,) = found.given["images/train/a.jpg"].boxes
    assert (box.label, *box.corners) == ("pear", 0.1, 0.2, 0.5, 0.6)
    told = [(one.place, one.fault) for one in found.problems if one.file]
    assert told == [
        ("line 2", Fault.MALFORMED),
        ("line 3", Fault.UNKNOWN_LABEL),
        ("class 0", Fault.UNUSED_CLASS),
    ]


def test_a_broken_entry_costs_itself_only(root):
    folders.all_coco(root)
    path = root / "train/_annotations.coco.json"
    whole = json.loads(path.read_text())
    whole["annotations"] += [
        {"image_id": 0, "category_id": 1, "bbox": [1, 2, "x", 4]},
        {"image_id": 0, "category_id": 99, "bbox": [1, 2, 3, 4]},
        {"image_id": 99, "category_id": 1, "bbox": [1, 2, 3, 4]},
    ]
    whole["images"].append({"id": 5, "file_name": "gone.jpg"})
    path.write_text(json.dumps(whole))
    found = recognise.read(root).found
    assert len(found.given["train/a.jpg"].boxes) == 2
    assert [(one.place, one.fault) for one in found.problems] == [
        ("annotations[2]", Fault.MALFORMED),
        ("annotations[3]", Fault.UNKNOWN_LABEL),
        ("annotations[4]", Fault.NO_IMAGE),
        ("images[2]", Fault.NO_IMAGE),
    ]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<annotation>",
        b"\0" * 100,
        b"<!DOCTYPE a [<!ENTITY b 'c'>]><annotation><filename>&b;</filename></annotation>",
        b"<annotation>" + b"<a>" * 100 + b"</a>" * 100 + b"</annotation>",
    ],
    ids=["empty", "cut off", "zeros", "entity", "deep"],
)
def test_hostile_xml_is_told_and_does_not_stop(root, content):
    folders.all_voc(root)
    (root / "train/a.xml").write_bytes(content)
    found = recognise.read(root).found
    assert sorted(found.given) == ["train/b.jpg", "valid/c.jpg"]
    told = [(one.file, one.fault) for one in found.problems if one.file]
    assert told == [("train/a.xml", Fault.UNREADABLE)]


def test_malformed_objects_are_told_with_their_line(root):
    folders.all_voc(root)
    path = root / "train/a.xml"
    path.write_text(path.read_text().replace("<xmin>0</xmin>", "<xmin>nan</xmin>"))
    found = recognise.read(root).found
    assert [one.label for one in found.given["train/a.jpg"].boxes] == ["pear"]
    (problem,) = found.problems
    assert (problem.place, problem.fault) == ("line 4", Fault.MALFORMED)


def test_a_name_in_the_file_may_lead_to_no_other_folder(root):
    files = Files.below(root)
    assert files.image_named("C:\\somewhere\\train\\a.jpg", "x.xml") == "train/a.jpg"
    assert files.image_named("../train/a.jpg", "x.xml") is None
    assert files.image_named("", "x.xml") is None


def test_boxes_survive_json(root):
    folders.all_label_studio(root)
    for given in recognise.read(root).found.given.values():
        assert Given.from_json(given.to_json()) == given
