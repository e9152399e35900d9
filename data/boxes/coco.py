"""Reads COCO's JSON of instances: one file for all images, or one a split.

The split is that of the file's name (``instances_val2017.json``) or of a folder of its path
(``valid/_annotations.coco.json``). Boxes are left, top, width and height in pixels.
"""

from pathlib import PurePosixPath
from typing import Any

from data.boxes.files import Files, Found, split_of_path
from data.boxes.given import Box, Fault, Given, label, number
from data.files import read_back
from data.layout import names

NAME = "COCO"
_KEYS = {"images", "annotations", "categories"}


def find(files: Files) -> Found:
    """Reads all files of the format below a data folder."""
    found = Found(NAME)
    for path in files.named(".json"):
        try:
            raw = files.json(path)
        except (read_back.BrokenError, read_back.ReadError) as error:
            found.tell(path, "", Fault.UNREADABLE, str(error)[:200])
            continue
        if isinstance(raw, dict) and raw.keys() >= _KEYS:
            try:
                _File(files, found, path, raw).read()
            except read_back.BROKEN as error:
                found.tell(path, "", Fault.MALFORMED, f"{type(error).__name__}: {error}"[:200])
    return found


class _File:
    """One file of the format."""

    def __init__(self, files: Files, found: Found, path: str, raw: dict[str, Any]) -> None:
        self._files, self._found, self._path, self._raw = files, found, path, raw
        self._labels = {one["id"]: label(one.get("name")) for one in raw["categories"]}
        self._split = names.split_of(PurePosixPath(path).stem.removeprefix("instances_"))
        self._split = self._split or split_of_path(path)

    def read(self) -> None:
        """Reads the boxes of every image that exists."""
        self._found.used.add(self._path)
        boxes: dict[Any, list[Box]] = {}
        known = {one["id"] for one in self._raw["images"]}
        for index, row in enumerate(self._raw["annotations"]):
            place = f"annotations[{index}]"
            if not isinstance(row, dict) or row.get("image_id") not in known:
                self._tell(place, Fault.NO_IMAGE, f"{row!r}"[:100])
                continue
            box = self._box(row, place)
            if box is not None:
                boxes.setdefault(row["image_id"], []).append(box)
        used = {box.label for some in boxes.values() for box in some}
        for category, name in self._labels.items():
            if boxes and name not in used:
                detail = f"no box has the category {category}, {name!r}"
                self._tell(f"category {category}", Fault.UNUSED_CLASS, detail[:100])
        for index, one in enumerate(self._raw["images"]):
            image = self._files.image_named(str(one["file_name"]), self._path)
            if image is None:
                self._tell(f"images[{index}]", Fault.NO_IMAGE, str(one["file_name"]))
                continue
            found = tuple(boxes.get(one["id"], ()))
            width, height = (int(one.get(side) or 0) for side in ("width", "height"))
            self._found.given[image] = Given(self._path, found, width=width, height=height)
            if self._split:
                self._found.splits[image] = self._split

    def _box(self, row: dict[str, Any], place: str) -> Box | None:
        try:
            left, top, wide, high = map(number, row["bbox"])
            area = number(row["area"]) if row.get("area") else None
        except (KeyError, TypeError, ValueError) as error:
            self._tell(place, Fault.MALFORMED, f"{type(error).__name__}: {error}"[:100])
            return None
        if row.get("category_id") not in self._labels:
            self._tell(place, Fault.UNKNOWN_LABEL, f"category_id {row.get('category_id')!r:.50}")
            return None
        name, is_crowd = self._labels[row["category_id"]], bool(row.get("iscrowd"))
        found_at = (left, top, left + wide, top + high)
        return Box(name, found_at, place, is_crowd, False, area)

    def _tell(self, place: str, fault: Fault, detail: str) -> None:
        self._found.tell(self._path, place, fault, detail)
