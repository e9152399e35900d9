"""COCO annotations: the categories that an image's annotations name are its labels.

Boxes, outlines and crowds are not read: an image with three annotations of one category has that
label once, and one without annotations has none. Source: https://cocodataset.org/#format-data
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.files import read_back
from data.sources.table import Reading, Row, Table

MAX_BYTES = 2 << 30  # read as a whole, which takes several times that in memory
_COLUMNS = ("file_name", "categories")


class Coco:
    """An export as COCO, one JSON object with ``images``, ``annotations`` and ``categories``."""

    name = "coco"
    summary = "category annotations as COCO (JSON)"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether the suffix is ``.json`` and the file begins with an object."""
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        return path.suffix.lower() == ".json" and text.startswith(b"{")

    @contextmanager
    def opened(self, path: Path, reading: Reading) -> Iterator[Table]:
        """Opens a file; see :class:`data.sources.table.TableFormat`."""
        rows = read_back.json_file(path, "export as COCO", _rows, limit=MAX_BYTES)

        def chosen(wanted: Sequence[int]) -> Iterator[Row]:
            for number, cells in rows:
                yield number, [cells[place] for place in wanted]

        yield Table(
            _COLUMNS, chosen, "image id", "COCO", path_column="file_name", label_column="categories"
        )


FORMAT = Coco()


def _rows(found: Any) -> list[tuple[Any, tuple[str, list[str]]]]:
    """Returns (id, (file name, categories)) of each image."""
    if not isinstance(found, dict) or not {"images", "annotations", "categories"} <= found.keys():
        raise read_back.BrokenError(
            "COCO has images, annotations and categories; if each line of the file is an object,"
            " add --labels.format jsonl"
        )
    names = {_key(one["id"]): _text(one["name"], "name") for one in found["categories"]}
    labels: dict[Any, dict[str, None]] = {_key(one["id"]): {} for one in found["images"]}
    if len(labels) < len(found["images"]):
        raise read_back.BrokenError("two images have one id")
    for one in found["annotations"]:
        image, category = _key(one["image_id"]), _key(one["category_id"])
        if image not in labels or category not in names:
            kind, value = ("category", category) if image in labels else ("image", image)
            raise read_back.BrokenError(
                f"an annotation names the {kind} {value!r:.60}, which is not in it"
            )
        labels[image][names[category]] = None
    return [
        (one["id"], (_text(one["file_name"], "file_name"), list(labels[one["id"]])))
        for one in found["images"]
    ]


def _key(value: Any) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise read_back.BrokenError(f"an id must be a number; found {value!r:.60}")
    return value


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str):
        raise read_back.BrokenError(f"{key} must be a text; found {value!r:.60}")
    return value
