"""Reads boxes from CSV: one row a box, ``file_name,xmin,ymin,xmax,ymax,label``.

Columns may have other usual names, and may include the size of the image. A row without
coordinates says that an image shows no object. A column ``split`` or ``set`` gives the split, else
the name of the file or of a folder does. All coordinates in 0–1 are shares of the image.
"""

import io
from collections import defaultdict
from pathlib import PurePosixPath

from data.boxes.files import Files, Found, split_of_path
from data.boxes.given import Box, Fault, Given, Unit, corners, label
from data.files import read_back, read_tables
from data.layout import names

NAME = "CSV"
_COLUMNS = {
    "file": ("file_name", "filename", "file", "image", "image_path", "path", "image_id"),
    "left": ("xmin", "x_min", "left", "x1"),
    "top": ("ymin", "y_min", "top", "y1"),
    "right": ("xmax", "x_max", "right", "x2"),
    "bottom": ("ymax", "y_max", "bottom", "y2"),
    "label": ("label", "class", "class_name", "name", "category"),
}
_OPTIONAL = {"width": ("width",), "height": ("height",), "split": ("split", "set", "subset")}
_CORNERS = ("left", "top", "right", "bottom")


def find(files: Files) -> Found:
    """Reads all files of the format below a data folder."""
    found = Found(NAME)
    for path in files.named(".csv", ".tsv"):
        try:
            _table(files, found, path)
        except read_back.BrokenError as error:
            found.tell(path, "", Fault.UNREADABLE, str(error))
    return found


def _table(files: Files, found: Found, path: str) -> None:
    text = files.text(path)
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    rows = read_tables.csv_rows(io.StringIO(text, newline=""), delimiter)
    _, head = next(rows, (0, []))
    columns = _columns(head)
    if columns is None:
        return
    found.used.add(path)
    boxes: dict[str, list[Box]] = defaultdict(list)
    sizes: dict[str, tuple[int, int]] = {}
    split_of_file = names.split_of(PurePosixPath(path).stem.removesuffix("_labels"))
    for line, cells in rows:
        place, row = f"line {line}", dict(zip(head, cells, strict=False))
        values = {key: (row.get(name) or "").strip() for key, name in columns.items()}
        image = files.image_named(values["file"], path)
        if image is None:
            found.tell(path, place, Fault.NO_IMAGE, values["file"][:100])
            continue
        sizes[image] = (_side(values.get("width", "")), _side(values.get("height", "")))
        split = names.split_of(values.get("split", "")) or split_of_file or split_of_path(image)
        if split:
            found.splits[image] = split
        boxes[image] += _box(found, path, place, values)
    for image, some in boxes.items():
        width, height = sizes[image]
        found.given[image] = Given(path, tuple(some), _unit(some), width, height)


def _columns(header: list[str]) -> dict[str, str] | None:
    """Maps what is needed to the names of the columns; None if a necessary one is absent."""
    by_name = {name.strip().lower(): name for name in header if name}
    chosen = {}
    for key, usual in {**_COLUMNS, **_OPTIONAL}.items():
        name = next((by_name[one] for one in usual if one in by_name), None)
        if name is not None:
            chosen[key] = name
        elif key in _COLUMNS:
            return None
    return chosen


def _box(found: Found, path: str, place: str, values: dict[str, str]) -> list[Box]:
    if not any(values[side] for side in _CORNERS):
        return []
    try:
        found_at = corners(values[side] for side in _CORNERS)
    except ValueError as error:
        found.tell(path, place, Fault.MALFORMED, str(error)[:100])
        return []
    return [Box(label(values["label"]), found_at, place)]


def _unit(boxes: list[Box]) -> Unit:
    values = [value for box in boxes for value in box.corners]
    is_share = bool(values) and max(values) <= 1 and any(value % 1 for value in values)
    return Unit.SHARES if is_share else Unit.PIXELS


def _side(text: str) -> int:
    return int(float(text)) if text.replace(".", "", 1).isdecimal() and len(text) < 9 else 0
