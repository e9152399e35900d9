"""Reads YOLO's text files: one line a box, class number, centre, width and height in 0–1.

The text of ``images/a/1.jpg`` is ``labels/a/1.txt``, or lies beside the image. Names of classes
come from ``data.yaml``, ``classes.txt`` or ``obj.names``; splits from the folders that
``data.yaml`` names, else from folders named like splits. A line with the corners of a polygon
gives the box around it.
"""

from pathlib import PurePosixPath
from typing import Any

from data.boxes.files import Files, Found, split_of_path, stem
from data.boxes.given import Box, Fault, Given, Unit, label, number
from data.files import read_back
from data.layout import names

NAME = "YOLO"
_NAME_FILES = ("classes.txt", "obj.names", "labels.names", "predefined_classes.txt")


def find(files: Files) -> Found:
    """Reads all files of the format below a data folder."""
    found = Found(NAME)
    named_by, known = _names(files, found)
    if not known:
        return found
    used: set[int] = set()
    texts = {stem(path): path for path in files.named(".txt")}
    folders = _folders(files, found)
    for image in files.images:
        path = texts.get(_label_stem(image), texts.get(stem(image)))
        if path is None:
            continue
        found.used.add(path)
        boxes = tuple(_boxes(files, found, path, known, used))
        found.given[image] = Given(path, boxes, Unit.SHARES)
        split = next((one for folder, one in folders if image.startswith(folder)), None)
        split = split or split_of_path(image)
        if split:
            found.splits[image] = split
    _tell_numbers(found, named_by, known, used)
    return found


def _tell_numbers(found: Found, file: str, known: dict[int, str], used: set[int]) -> None:
    """Tells names whose number no box has, and numbers that seem to begin at 1 instead of 0."""
    if not used:
        return
    unused = sorted(set(known) - used)
    if unused == [0] and max(used) == max(known) + 1:
        detail = f"boxes have the classes 1 to {max(used)}, and names are for 0 to {max(known)}"
        found.tell(file, "", Fault.NUMBERS_FROM_ONE, detail)
        return
    for index in unused:
        detail = f"no box has the class {index}, {known[index]!r}"
        found.tell(file, f"class {index}", Fault.UNUSED_CLASS, detail)


def _label_stem(image: str) -> str:
    parts = stem(image).split("/")
    for index in range(len(parts) - 2, -1, -1):
        if parts[index].lower() == "images":
            return "/".join([*parts[:index], "labels", *parts[index + 1 :]])
    return stem(image)


def _names(files: Files, found: Found) -> tuple[str, dict[int, str]]:
    """Reads the names of the classes by their numbers; returns the file and the names."""
    for path, raw in _settings(files, found):
        given = raw["names"]
        found.used.add(path)
        rows = given.items() if isinstance(given, dict) else enumerate(given)
        return path, {int(index): label(name) for index, name in rows}
    for path in files.others:
        if PurePosixPath(path).name.lower() in _NAME_FILES:
            found.used.add(path)
            lines = files.text(path).strip().splitlines()
            return path, {index: label(line) for index, line in enumerate(lines)}
    return "", {}


def _settings(files: Files, found: Found) -> list[tuple[str, dict[str, Any]]]:
    """Returns the YAML files that name classes, those nearest to the root first."""
    rows = []
    for path in sorted(files.named(".yaml", ".yml"), key=lambda path: (path.count("/"), path)):
        try:
            raw = files.yaml(path)
        except (read_back.BrokenError, read_back.ReadError) as error:
            found.tell(path, "", Fault.UNREADABLE, str(error)[:200])
            continue
        if isinstance(raw, dict) and isinstance(raw.get("names"), list | dict):
            rows.append((path, raw))
    return rows


def _folders(files: Files, found: Found) -> list[tuple[str, str]]:
    """Returns the folders that the settings name as splits, relative to the data folder."""
    rows = []
    for path, raw in _settings(files, found)[:1]:
        base = PurePosixPath(path).parent
        for key in ("train", "val", "valid", "test"):
            given = raw.get(key)
            for name in given if isinstance(given, list) else [given]:
                parts = [part for part in str(name or "").split("/") if part not in ("", ".", "..")]
                # Exports name folders of other machines, above or beside; their ends are right.
                for start in range(len(parts)):
                    folder = f"{base.joinpath(*parts[start:])}/"
                    if any(image.startswith(folder) for image in files.images):
                        rows.append((folder, str(names.split_of(key))))
                        break
    return rows


def _boxes(
    files: Files, found: Found, path: str, known: dict[int, str], used: set[int]
) -> list[Box]:
    boxes = []
    try:
        lines = files.text(path).splitlines()
    except read_back.BrokenError as error:
        found.tell(path, "", Fault.UNREADABLE, str(error))
        return []
    for index, line in enumerate(lines, start=1):
        if line.strip():
            box = _box(line.split(), f"line {index}", known, used)
            if isinstance(box, Box):
                boxes.append(box)
            else:
                found.tell(path, f"line {index}", *box)
    return boxes


def _box(
    values: list[str], place: str, known: dict[int, str], used: set[int]
) -> Box | tuple[Fault, str]:
    if len(values) < 5 or len(values) % 2 == 0:
        return Fault.MALFORMED, f"{len(values)} values: {' '.join(values)}"[:100]
    try:
        class_number, numbers = int(float(values[0])), [number(value) for value in values[1:]]
    except ValueError as error:
        return Fault.MALFORMED, str(error)[:100]
    used.add(class_number)
    if class_number not in known:
        return Fault.UNKNOWN_LABEL, f"class {class_number}; there are {len(known)} names"
    if len(numbers) == 4:
        x, y, wide, high = numbers
        found_at = (x - wide / 2, y - high / 2, x + wide / 2, y + high / 2)
    else:
        columns, rows = numbers[::2], numbers[1::2]
        found_at = (min(columns), min(rows), max(columns), max(rows))
    return Box(known[class_number], found_at, place)
