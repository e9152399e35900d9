"""The same objects in three formats give the same masks; what cannot be used is told with its place."""

import json

import numpy as np
import pytest

from data import errors
from data.images import decode_config
from data.masks import VOID, polygon_files, work
from data.sources import by_mask
from tests.data.masks import made

POLYGON = [4.0, 2.0, 16.0, 2.0, 16.0, 10.0, 4.0, 10.0]
NAMES = ["car", "tree"]


def coco(annotations=None):
    return {
        "images": [{"id": 7, "file_name": "a.png", "height": 12, "width": 20}],
        "categories": [{"id": 30, "name": "tree"}, {"id": 10, "name": "car"}],
        "annotations": annotations
        or [{"id": 1, "image_id": 7, "category_id": 30, "segmentation": [POLYGON], "iscrowd": 0}],
    }


def yolo_line():
    shares = [value / (20, 12)[index % 2] for index, value in enumerate(POLYGON)]
    return "1 " + " ".join(map(str, shares)) + "\n"


def label_studio():
    points = [
        [100 * x / 20, 100 * y / 12] for x, y in zip(POLYGON[::2], POLYGON[1::2], strict=True)
    ]
    value = {"points": points, "polygonlabels": ["tree"]}
    image = "/data/upload/3/0a1b2c3d-a.png"
    return [{"data": {"image": image}, "annotations": [{"result": [{"value": value}]}]}]


@pytest.fixture
def root(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "images/a.png").write_bytes(made.png(np.zeros((12, 20, 3), np.uint8)))
    return tmp_path


def mask(root):
    listing = by_mask.scan(root)
    (file,) = listing.files
    encoding = listing.masks.encoding
    rules = work.Rules(encoding=encoding, labels=encoding.class_names)
    about = (file.path, 12, 20)
    _, found = work.work(
        str(root), file.mask.path, about, decode_config.Limits(), rules, file.mask.shapes
    )
    assert isinstance(found, work.Made), found
    return encoding.class_names, found.facts.counts


def test_three_formats_of_the_same_object(root):
    (root / "annotations.json").write_text(json.dumps(coco()))
    classes, counts = mask(root)
    assert classes == ["background", "car", "tree"]
    assert set(counts) == {0, 2} and 90 <= counts[2] <= 120
    (root / "annotations.json").unlink()
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text(yolo_line())
    (root / "data.yaml").write_text("names: [car, tree]\n")
    assert mask(root) == (classes, counts)
    (root / "data.yaml").unlink()
    (root / "labels/a.txt").unlink()
    (root / "export.json").write_text(json.dumps(label_studio()))
    assert mask(root)[1] == {0: counts[0], 1: counts[2]}  # it names only the classes that it has


def test_crowds_are_void(root):
    one = {"image_id": 7, "category_id": 10, "segmentation": [POLYGON], "iscrowd": 1}
    found = polygon_files.coco("a.json", coco([one]), ["images/a.png"])
    assert found.by_image["images/a.png"].shapes[0].number == VOID


def test_a_bad_object_never_costs_its_image(root):
    rows = [
        {"image_id": 7, "category_id": 99, "segmentation": [POLYGON]},
        {"image_id": 7, "category_id": 10, "segmentation": [[1, 2]]},
        {"image_id": 7, "category_id": 10, "segmentation": {"size": [12, 20], "counts": "P"}},
        {"image_id": 7, "category_id": 10, "segmentation": [POLYGON]},
    ]
    found = polygon_files.coco("a.json", coco(rows), ["images/a.png"])
    assert len(found.by_image["images/a.png"].shapes) == 1
    assert [problem.partition(":")[0] for problem in found.problems] == [
        "a.json, annotation 0",
        "a.json, annotation 2",
        "a.json, image 7",
    ]


def test_an_edited_outline_changes_the_mask_of_its_image_alone(root):
    (root / "annotations.json").write_text(json.dumps(coco()))
    before = by_mask.scan(root)
    (root / "annotations.json").write_text(json.dumps(coco(), indent=1))
    assert by_mask.scan(root).fingerprint() == before.fingerprint()
    moved = [{"image_id": 7, "category_id": 30, "segmentation": [[1 + x for x in POLYGON]]}]
    (root / "annotations.json").write_text(json.dumps(coco(moved)))
    assert by_mask.scan(root).fingerprint() != before.fingerprint()


def test_splits_by_the_names_of_files(root):
    found = polygon_files.coco("annotations/instances_val2017.json", coco(), ["val2017/a.png"])
    assert found.splits == {"val2017/a.png": "eval"}
    found = polygon_files.coco("train/_annotations.coco.json", coco(), ["train/a.png"])
    assert found.splits == {"train/a.png": "train"}


def test_yolo_boxes_are_no_outlines(root):
    (root / "labels").mkdir()
    (root / "labels/a.txt").write_text("1 0.5 0.5 0.2 0.2\n")
    (root / "data.yaml").write_text("names: {0: car, 1: tree}\n")
    assert not by_mask.scan(root).files


def test_two_files_with_other_categories_are_refused():
    first = polygon_files.coco("a.json", coco(), ["images/a.png"])
    other = {**coco(), "categories": [{"id": 30, "name": "tree"}]}
    with pytest.raises(errors.DataError, match="different categories"):
        polygon_files.coco("b.json", other, ["images/a.png"], first)
