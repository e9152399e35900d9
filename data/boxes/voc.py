"""Reads Pascal VOC: one XML file an image, in ``Annotations`` or beside the images.

Splits are given by ``ImageSets/Main/{train,val,test}.txt``, if they exist. Coordinates are taken
as they are, as TensorFlow's own converters do, though those of the original VOC begin at 1.
"""

import re
from pathlib import PurePosixPath

from data.boxes import safe_xml
from data.boxes.files import Files, Found
from data.boxes.given import Box, Fault, Given, corners, label
from data.files import read_back
from data.layout import names

NAME = "Pascal VOC"
_IMAGE_SET = re.compile(r"(.*/)?ImageSets/Main/([^/]+)\.txt")


def find(files: Files) -> Found:
    """Reads all files of the format below a data folder."""
    found = Found(NAME)
    for path in files.named(".xml"):
        try:
            root = safe_xml.parse(files.read(path))
        except read_back.BrokenError as error:
            found.tell(path, "", Fault.UNREADABLE, str(error))
            continue
        if root.tag == "annotation":
            _annotation(files, found, path, root)
    if found.given:
        _splits(files, found)
    return found


def _annotation(files: Files, found: Found, path: str, root: safe_xml.Node) -> None:
    found.used.add(path)
    stated = root.value("filename")
    image = files.image_of(path) or files.image_named(stated, path)
    if image is None:
        found.tell(path, "", Fault.NO_IMAGE, stated)
        return
    if stated and PurePosixPath(stated).stem != PurePosixPath(image).stem:
        found.tell(path, "", Fault.OTHER_NAME, f"{stated!r} instead of {image!r}")
    boxes = []
    for node in root.all("object"):
        box = _box(node)
        if isinstance(box, Box):
            boxes.append(box)
        else:
            found.tell(path, f"line {node.line}", Fault.MALFORMED, box)
    sides = (_side(root.value("size", side)) for side in ("width", "height"))
    found.given[image] = Given(path, tuple(boxes), width=next(sides), height=next(sides))


def _box(node: safe_xml.Node) -> Box | str:
    """Returns the box of an object, or what it lacks."""
    values = {side: node.value("bndbox", side) for side in ("xmin", "ymin", "xmax", "ymax")}
    try:
        found_at = corners(values.values())
    except ValueError:
        return f"{values}"[:100]
    place, is_difficult = f"line {node.line}", node.value("difficult") == "1"
    return Box(label(node.value("name")), found_at, place, is_difficult=is_difficult)


def _side(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 7 else 0


def _splits(files: Files, found: Found) -> None:
    """Reads the lists of stems; a stem of two lists stays in the one that is not for training."""
    for path in files.named(".txt"):
        match = _IMAGE_SET.fullmatch(path)
        split = names.split_of(match[2]) if match else None
        if match is None or split is None:
            continue
        found.used.add(path)
        base = match[1] or ""
        listed = {line.split()[0] for line in files.text(path).splitlines() if line.strip()}
        for image in found.given:
            is_listed = image.startswith(base) and PurePosixPath(image).stem in listed
            if is_listed and found.splits.get(image, "train") == "train":
                found.splits[image] = split
