"""Reads CVAT's XML for images: one file with an element for every image."""

from data.boxes import safe_xml
from data.boxes.files import Files, Found, split_of_path
from data.boxes.given import Box, Fault, Given, corners, label, number
from data.files import read_back
from data.layout import names

NAME = "CVAT"


def find(files: Files) -> Found:
    """Reads all files of the format below a data folder."""
    found = Found(NAME)
    for path in files.named(".xml"):
        try:
            root = safe_xml.parse(files.read(path))
        except read_back.BrokenError:
            continue  # the reader of Pascal VOC tells
        if root.tag != "annotations":
            continue
        found.used.add(path)
        for node in root.all("image"):
            _image(files, found, path, node)
    return found


def _image(files: Files, found: Found, path: str, node: safe_xml.Node) -> None:
    stated = node.attributes
    image = files.image_named(stated.get("name", ""), path)
    if image is None:
        found.tell(path, f"line {node.line}", Fault.NO_IMAGE, stated.get("name", "")[:100])
        return
    boxes = []
    for one in node.all("box"):
        place, values = f"line {one.line}", one.attributes
        try:
            found_at = corners(values[key] for key in ("xtl", "ytl", "xbr", "ybr"))
        except (KeyError, ValueError) as error:
            found.tell(path, place, Fault.MALFORMED, f"{type(error).__name__}: {error}"[:100])
            continue
        if number_or_0(values.get("rotation")):
            found.tell(path, place, Fault.MALFORMED, f"turned by {values['rotation']}°")
            continue
        boxes.append(Box(label(values.get("label")), found_at, place))
    width, height = (int(number_or_0(stated.get(side))) for side in ("width", "height"))
    found.given[image] = Given(path, tuple(boxes), width=width, height=height)
    split = names.split_of(stated.get("subset", "")) or split_of_path(image)
    if split:
        found.splits[image] = split


def number_or_0(text: object) -> float:
    """Converts an optional attribute to a number; 0 if it is absent or none."""
    try:
        return number(text)
    except ValueError:
        return 0.0
