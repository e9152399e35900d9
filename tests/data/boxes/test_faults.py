"""Every fault of an annotation file, planted once: found by its code, in its place, and nothing else."""

import json

import pytest

from data.boxes import recognise, resolve
from data.boxes.given import Fault
from tests.data.boxes import folders


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def in_voc(old, new):
    def plant(root):
        folders.all_voc(root)
        edit(root / "train/a.xml", old, new)

    return plant


def shares_among_pixels(root):
    in_voc("<xmin>3</xmin><ymin>4</ymin><xmax>50</xmax><ymax>41</ymax>", BOX)(root)


BOX = "<xmin>0.1</xmin><ymin>0.2</ymin><xmax>0.6</xmax><ymax>0.9</ymax>"


def in_yolo(line):
    def plant(root):
        folders.all_yolo(root)
        path = root / "train/a.txt"
        path.write_text(f"{path.read_text()}{line}\n")

    return plant


def no_image(root):
    folders.all_voc(root)
    folders.voc(root, "train/gone", [], (8, 8))


def no_annotation(root):
    folders.all_voc(root)
    (root / "train/a.xml").unlink()


def unused_name(root):
    folders.all_yolo(root)
    edit(root / "data.yaml", "[apple, pear]", "[apple, pear, plum]")


def numbers_from_one(root):
    folders.all_yolo(root)
    for path in root.rglob("*.txt"):
        rows = [line.split(" ", 1) for line in path.read_text().splitlines()]
        path.write_text("".join(f"{int(one) + 1} {rest}\n" for one, rest in rows))


def unused_category(root):
    folders.all_coco(root)
    path = root / "valid/_annotations.coco.json"
    whole = json.loads(path.read_text())
    whole["categories"].append({"id": 99, "name": "plum"})
    path.write_text(json.dumps(whole))


A, PLACE = "train/a.xml", "line 2"
PLANTED = [
    (in_voc("<xmin>3<", "<xmin>60<"), [(A, PLACE, Fault.INVERTED)]),
    (in_voc("<xmin>3<", "<xmin>50<"), [(A, PLACE, Fault.EMPTY)]),
    (in_voc("<xmin>3</xmin>", "<xmin>-90</xmin>"), [(A, PLACE, Fault.OUTSIDE)]),
    (in_voc("<xmax>50<", "<xmax>84<"), [(A, PLACE, Fault.CLIPPED)]),
    (in_voc("<name>pear<", "<name> <"), [(A, PLACE, Fault.NO_LABEL)]),
    (in_yolo("7 0.5 0.5 0.1 0.1"), [("train/a.txt", "line 3", Fault.UNKNOWN_LABEL)]),
    (in_yolo("1 30 20 11 9"), [("train/a.txt", "line 3", Fault.PIXELS_FOR_SHARES)]),
    (shares_among_pixels, [(A, PLACE, Fault.SHARES_FOR_PIXELS)]),
    (in_voc("<xmin>3<", "<xmin>nan<"), [(A, PLACE, Fault.MALFORMED)]),
    (in_voc("<width>80<", "<width>0<"), [(A, "", Fault.SIZE_ABSENT)]),
    (in_voc("<width>80<", "<width>81<"), [(A, "", Fault.SIZE_WRONG)]),
    (no_image, [("train/gone.xml", "", Fault.NO_IMAGE)]),
    (no_annotation, [("", "train/a.jpg", Fault.NO_ANNOTATION)]),
    (
        in_voc("<annotation>", "<annotation"),
        [(A, "", Fault.UNREADABLE), ("", "train/a.jpg", Fault.NO_ANNOTATION)],
    ),
    (in_voc(">a.jpg<", ">other.jpg<"), [(A, "", Fault.OTHER_NAME)]),
    (unused_name, [("data.yaml", "class 2", Fault.UNUSED_CLASS)]),
    (unused_category, [("valid/_annotations.coco.json", "category 99", Fault.UNUSED_CLASS)]),
    (
        numbers_from_one,
        [
            ("train/a.txt", "line 1", Fault.UNKNOWN_LABEL),
            ("valid/c.txt", "line 3", Fault.UNKNOWN_LABEL),
            ("data.yaml", "", Fault.NUMBERS_FROM_ONE),
        ],
    ),
]


@pytest.mark.parametrize(
    ("plant", "expected"), PLANTED, ids=[expected[-1][2].value for _, expected in PLANTED]
)
def test_a_planted_fault_is_found_where_it_is_and_no_other(tmp_path, plant, expected):
    folders.images(tmp_path)
    plant(tmp_path)
    found = recognise.read(tmp_path).found
    problems = list(found.problems)
    for image, given in found.given.items():
        size = resolve.Size(*folders.SIZES[image.removesuffix(".jpg")])
        problems += resolve.resolve(given, size)[1]
    assert [(one.file, one.place, one.fault) for one in problems] == expected


def test_every_fault_is_planted():
    assert {fault for _, expected in PLANTED for _, _, fault in expected} == set(Fault)
