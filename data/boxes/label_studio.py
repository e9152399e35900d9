"""Reads Label Studio's JSON export of rectangles: coordinates in hundredths of the image."""

from typing import Any
from urllib import parse

from data.boxes.files import Files, Found, split_of_path
from data.boxes.given import Box, Fault, Given, Unit, label, number
from data.files import read_back

NAME = "Label Studio"
_PREFIX_LENGTH = 8  # uploads are stored as "1a2b3c4d-name.jpg"


def find(files: Files) -> Found:
    """Reads all files of the format below a data folder."""
    found = Found(NAME)
    for path in files.named(".json"):
        try:
            raw = files.json(path)
        except (read_back.BrokenError, read_back.ReadError) as error:
            found.tell(path, "", Fault.UNREADABLE, str(error)[:200])
            continue
        if isinstance(raw, list) and raw and all(map(_is_task, raw)):
            found.used.add(path)
            for index, task in enumerate(raw):
                try:
                    _task(files, found, path, f"[{index}]", task)
                except read_back.BROKEN as error:
                    found.tell(path, f"[{index}]", Fault.MALFORMED, str(error)[:100])
    return found


def _is_task(raw: Any) -> bool:
    return isinstance(raw, dict) and isinstance(raw.get("data"), dict) and "annotations" in raw


def _task(files: Files, found: Found, path: str, place: str, task: dict[str, Any]) -> None:
    name = next((value for value in task["data"].values() if isinstance(value, str)), None)
    if name is None:
        raise read_back.BrokenError("its data name no image")
    image = _image(files, path, parse.unquote(parse.urlsplit(name).path))
    if image is None:
        found.tell(path, place, Fault.NO_IMAGE, name[:100])
        return
    done = [one for one in task["annotations"] if not one.get("was_cancelled")]
    if not done:
        return
    boxes, width, height = [], 0, 0
    for index, row in enumerate(done[-1]["result"]):
        if row.get("type") != "rectanglelabels":
            continue
        width, height = int(row["original_width"]), int(row["original_height"])
        value = row["value"]
        left, top, wide, high = (number(value[key]) / 100 for key in ("x", "y", "width", "height"))
        where = f"{place}.result[{index}]"
        if value.get("rotation"):
            found.tell(path, where, Fault.MALFORMED, f"turned by {value['rotation']}°")
            continue
        name = label(next(iter(value["rectanglelabels"]), ""))
        boxes.append(Box(name, (left, top, left + wide, top + high), where))
    found.given[image] = Given(path, tuple(boxes), Unit.SHARES, width, height)
    split = split_of_path(image)
    if split:
        found.splits[image] = split


def _image(files: Files, path: str, name: str) -> str | None:
    image = files.image_named(name, path)
    folder, _, last = name.rpartition("/")
    prefix, dash, rest = last.partition("-")
    if image is None and dash and len(prefix) == _PREFIX_LENGTH:
        return files.image_named(f"{folder}/{rest}", path)
    return image
