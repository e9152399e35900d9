"""Detections in users' files."""

import contextlib
import io
import json

import numpy as np
from PIL import Image, ImageColor
from pycocotools import coco

from tasks.boxes import user_files

LABELS = ["apple", "Birne"]
FOUND = [
    user_files.Detection((10, 20, 40, 80), 0.91234, 1, True),
    user_files.Detection((0, 0, 5, 5), 0.2, 0, False),
]
SEEN = [
    user_files.Seen("a/ä.jpg", 50, 100, FOUND),
    user_files.Seen("b.jpg", 30, 40, []),
    user_files.Seen("c.jpg", 60, 90, FOUND[:1]),
]


def test_each_detection_is_a_line_and_an_image_without_one_has_an_empty_line():
    lines = user_files.lines(FOUND, LABELS)
    assert lines == [
        ["Birne", 0.9123, True, 10, 20, 40, 80],
        ["apple", 0.2, False, 0, 0, 5, 5],
    ]
    assert user_files.lines([], LABELS) == [[None] * len(user_files.HEADER)]
    assert len(lines[0]) == len(user_files.HEADER)


def test_the_document_is_read_by_pycocotools(tmp_path):
    path = tmp_path / "found.json"
    path.write_text("".join(user_files.coco(lambda: iter(SEEN), LABELS)))
    with contextlib.redirect_stdout(io.StringIO()):
        read = coco.COCO(str(path))
        results = read.loadRes(json.loads(path.read_text())["annotations"])
    assert [one["file_name"] for one in read.loadImgs([0, 1, 2])] == ["a/ä.jpg", "b.jpg", "c.jpg"]
    assert read.loadImgs([1])[0]["height"] == 30
    (first, _) = results.loadAnns(results.getAnnIds(imgIds=[0]))
    assert first["bbox"] == [20, 10, 60, 30]
    assert (first["area"], first["score"]) == (1800, 0.91234)
    assert [one["name"] for one in read.loadCats([first["category_id"]])] == ["Birne"]
    assert results.getAnnIds(imgIds=[1]) == []


def test_a_document_without_images_is_whole():
    found = json.loads("".join(user_files.coco(lambda: iter([]), LABELS)))
    assert found["images"] == found["annotations"] == []
    assert [one["id"] for one in found["categories"]] == [1, 2]


def test_only_what_is_shown_is_drawn_in_the_colour_of_its_class():
    grey = np.full((50, 100, 3), 128, np.uint8)
    drawn = user_files.draw_detections(grey, FOUND, LABELS)
    assert (grey == 128).all()
    colour = np.array(ImageColor.getrgb(user_files.COLOURS[1]))
    assert (drawn[39, 25:75] == colour).all()
    assert (drawn[25, 79] == colour).all()
    assert (drawn[35, 40:60] == 128).all()
    assert (drawn[2, 4] == 128).all()  # below its threshold
    assert Image.fromarray(drawn).size == (100, 50)


def test_a_label_fits_into_a_tiny_image():
    drawn = user_files.draw_detections(np.zeros((3, 2, 3), np.uint8), [FOUND[0]], LABELS)
    assert drawn.shape == (3, 2, 3)
