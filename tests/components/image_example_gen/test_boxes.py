"""Boxes through a whole ingest: into records, and what is wrong with them into lists."""

import hashlib
import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from components.image_example_gen import report_checks
from data.boxes import features
from data.examples import example, examples_artifact
from data.layout.unused import Reason
from data.sources import label_source
from tests.components.image_example_gen import made
from tests.data.boxes import folders

pytestmark = pytest.mark.xdist_group("ingest")


def run(root, output, **changes):
    return made.run(root, output, rule=label_source.LabelRule("any", annotates="boxes"), **changes)


def records(output):
    """File name → its record, of all splits."""
    found = {}
    for name in ("train", "eval", "test"):
        for shard in examples_artifact.shards(str(output), name):
            for serialized in tf.data.TFRecordDataset(shard).as_numpy_iterator():
                row = tf.train.Example.FromString(serialized).features.feature
                found[row[example.FILENAME].bytes_list.value[0].decode()] = (name, serialized, row)
    return found


def digests(output):
    shards = [
        path
        for name in ("train", "eval", "test")
        for path in examples_artifact.shards(str(output), name)
    ]
    return [hashlib.sha256(tf.io.gfile.GFile(path, "rb").read()).hexdigest() for path in shards]


@pytest.fixture(scope="module")
def by_format(tmp_path_factory):
    """The same boxes in four formats, ingested."""
    outputs = {}
    for format in ("voc", "coco", "yolo", "csv"):
        root = tmp_path_factory.mktemp(format)
        folders.images(root)
        folders.FORMATS[format](root)
        outputs[format] = root.parent / f"{root.name}-out"
        outputs[f"{format} report"], outputs[f"{format} listing"] = run(root, outputs[format])
    return outputs


@pytest.mark.parametrize("format", ["coco", "yolo", "csv"])
def test_four_formats_make_the_same_shards_byte_for_byte(by_format, format):
    assert digests(by_format[format]) == digests(by_format["voc"])


def test_records_hold_boxes_as_tensorflow_has_them(by_format):
    found = records(by_format["voc"])
    _, _, row = found["train/a.jpg"]
    values = [list(row[name].float_list.value) for name in features.SIDES]
    expected = np.float32([[4 / 60, 0], [3 / 80, 0], [41 / 60, 1], [50 / 80, 1]])
    np.testing.assert_array_equal(np.float32(values), expected)
    assert list(row[features.LABEL].int64_list.value) == [2, 1]
    assert list(row[features.TEXT].bytes_list.value) == [b"pear", b"apple"]
    assert list(row[features.AREA].float_list.value) == [47 * 37, 80 * 60]
    assert list(row[example.CLASS_TEXT].bytes_list.value) == [b"apple", b"pear"]
    _, _, empty = found["train/b.jpg"]
    assert list(empty[features.LABEL].int64_list.value) == []


def test_every_file_is_accounted_for(by_format):
    outcome, listing = by_format["voc report"], by_format["voc listing"]
    assert outcome.found == listing.found == 3
    assert outcome.unused == {}
    assert listing.boxes.lines()[0] == "boxes:   5 in 3 files, Pascal VOC; 1 image without objects"
    assert sum(outcome.boxes.values()) == 5
    assert outcome.bad_boxes == []


def test_a_bad_box_costs_only_itself_and_is_listed(tmp_path):
    root = tmp_path / "data"
    folders.images(root)
    folders.all_voc(root)
    rows = [("pear", 9, 9, 3, 12), ("apple", -2, 5, 40, 30), ("apple", 500, 500, 600, 600)]
    folders.voc(root, "train/a", rows, (0, 0))
    outcome, listing = run(root, tmp_path / "out")
    assert listing.class_names == ["apple", "pear"]
    assert sorted(records(tmp_path / "out")) == ["train/a.jpg", "train/b.jpg", "valid/c.jpg"]
    reported = [(one.image, one.file, one.place, one.fault) for one in outcome.bad_boxes]
    assert reported == [
        ("train/a.jpg", "train/a.xml", "", "size_absent"),
        ("train/a.jpg", "train/a.xml", "line 2", "inverted"),
        ("train/a.jpg", "train/a.xml", "line 4", "clipped"),
        ("train/a.jpg", "train/a.xml", "line 6", "outside"),
    ]
    listed = (tmp_path / "out" / examples_artifact.BAD_BOXES_FILE).read_text()
    assert listed.splitlines()[2].startswith("train/a.jpg,train/a.xml,line 2,inverted,")


@pytest.mark.parametrize("size", [(60, 40), (40, 60)], ids=["as stored", "upright"])
def test_boxes_of_a_turned_image_follow_their_size_tag(tmp_path, size):
    root = tmp_path / "data"
    folders.images(root)
    folders.all_voc(root)
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[30:40, 0:20] = 255  # at the lower left; upright at the upper left
    exif = Image.Exif()
    exif[0x112] = 6
    Image.fromarray(pixels).save(root / "train/t.png", exif=exif)
    box = ("apple", 0, 30, 20, 40) if size == (60, 40) else ("apple", 0, 0, 10, 20)
    folders.voc(root, "train/t", [box], size, "t.png")
    run(root, tmp_path / "out")
    _, _, row = records(tmp_path / "out")["train/t.png"]
    stored = np.asarray(Image.open(io.BytesIO(row[example.ENCODED].bytes_list.value[0])))
    top, left, bottom, right = (row[name].float_list.value[0] for name in features.SIDES)
    height, width = stored.shape[:2]
    rows, columns = np.nonzero(stored[..., 0] > 128)
    expected = (rows.min() / height, columns.min() / width)
    assert (top, left) == pytest.approx(expected)
    assert (bottom, right) == pytest.approx(
        ((rows.max() + 1) / height, (columns.max() + 1) / width)
    )


def test_reduced_images_keep_their_boxes(tmp_path):
    root = tmp_path / "data"
    folders.images(root)
    folders.all_voc(root)
    run(root, tmp_path / "whole")
    outcome, _ = run(root, tmp_path / "small", max_side_px=32)
    whole, small = records(tmp_path / "whole"), records(tmp_path / "small")
    assert outcome.reencoded == 3
    for name, (_, _, row) in small.items():
        for side in features.SIDES:
            assert row[side] == whole[name][2][side]


def test_one_class_is_enough(tmp_path):
    root = tmp_path / "data"
    folders.images(root)
    for name, size in folders.SIZES.items():
        folders.voc(root, name, [("apple", 2, 2, 30, 30)], size)
    (root / "test").mkdir()
    (root / "valid/c.jpg").replace(root / "test/c.jpg")
    (root / "valid/c.xml").replace(root / "test/c.xml")
    (root / "train/b.jpg").replace(root / "valid/b.jpg")
    (root / "train/b.xml").replace(root / "valid/b.xml")
    outcome, listing = run(root, tmp_path / "out")
    report_checks.check(outcome, listing, "quarantine.csv")


def test_images_without_annotation_are_left_out_or_negative(tmp_path):
    root = tmp_path / "data"
    folders.images(root)
    folders.all_voc(root)
    (root / "train/b.xml").unlink()
    outcome, _ = run(root, tmp_path / "out")
    assert outcome.unused[Reason.IMAGE_WITHOUT_BOXES.value] == 1
    assert "train/b.jpg" not in records(tmp_path / "out")
    boxes = {"images_without_annotation": True}
    outcome, _ = run(root, tmp_path / "all", boxes=boxes)
    assert Reason.IMAGE_WITHOUT_BOXES.value not in outcome.unused
    assert "train/b.jpg" in records(tmp_path / "all")


def test_areas_are_in_pixels_of_what_is_stored(tmp_path):
    root = tmp_path / "data"
    folders.images(root)
    folders.all_coco(root)
    run(root, tmp_path / "out", max_side_px=40)
    _, _, row = records(tmp_path / "out")["train/a.jpg"]
    stored = [row[name].int64_list.value[0] for name in (example.HEIGHT, example.WIDTH)]
    assert stored == [30, 40]  # of 60 × 80
    assert list(row[features.AREA].float_list.value) == [47 * 37 / 4, 80 * 60 / 4]
    values = [list(row[name].float_list.value) for name in features.SIDES]
    expected = np.float32([[4 / 60, 0], [3 / 80, 0], [41 / 60, 1], [50 / 80, 1]])
    np.testing.assert_array_equal(np.float32(values), expected)
