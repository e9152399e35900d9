"""Readers of annotation files with the outlines of objects: COCO JSON, YOLO text, Label Studio JSON.

Each gives the classes in order and, for each image by its path in the data folder, its shapes. A bad shape
never costs an image: it is left out and told, with its place and the reason.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib import parse

from data import errors
from data.files import read_back, user_files
from data.images import decode
from data.layout import names
from data.masks import brush, class_list, shapes

MAX_BYTES = 1 << 30
WHAT = "annotation file"
_YOLO_LISTS = ("data.yaml", "data.yml", "dataset.yaml")


@dataclass
class Outlines:
    """What the annotation files of a folder say.

    Attributes:
      source: the file that names the classes, relative to the data folder.
      classes: the names; number 0 is the background, which comes before them.
      by_image: path of an image → its shapes.
      splits: path of an image → its split, where the name of a file or folder gives one.
      problems: what was left out: place and reason.
    """

    source: str
    classes: list[str]
    by_image: dict[str, shapes.Shapes] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def find(root: Path, images: Sequence[str], others: Iterable[str]) -> Outlines | None:
    """Finds and reads annotation files; None if there are none.

    Args:
      root: the data folder.
      images: paths of all image files, relative to it.
      others: paths of all other files.

    Raises:
      errors.DataError: a file that is one by its name and beginning cannot be read.
    """
    others = sorted(others)
    for path in others:
        if path.rpartition("/")[2] in _YOLO_LISTS:
            with read_back.reading(f"{WHAT} {path}"):
                return yolo(root, path, images, others)
    found: Outlines | None = None
    for path in others:
        if not path.endswith(".json"):
            continue
        raw = _json(root, path)
        with read_back.reading(f"{WHAT} {path}"):
            found = _parsed(path, raw, images, found)
    return found


def _parsed(path: str, raw: Any, images: Sequence[str], before: Outlines | None) -> Outlines | None:
    if isinstance(raw, dict) and {"images", "annotations", "categories"} <= raw.keys():
        return coco(path, raw, images, before)
    if isinstance(raw, list) and raw and isinstance(raw[0], dict) and "annotations" in raw[0]:
        return label_studio(path, raw, images)
    return before


def coco(
    path: str, raw: dict[str, Any], images: Sequence[str], before: Outlines | None = None
) -> Outlines:
    """Reads a COCO file: polygons, and run lengths as list or string; crowds are void.

    Raises:
      errors.DataError: categories or images are not as COCO has them.
    """
    try:
        listed = sorted(raw["categories"], key=lambda one: int(one["id"]))
        classes = [names.canonical(str(one["name"])) for one in listed]
        number_of = {int(one["id"]): index for index, one in enumerate(listed, start=1)}
        files = {int(one["id"]): one for one in raw["images"]}
    except (KeyError, TypeError, ValueError) as error:
        raise errors.DataError(f"{path} is no COCO file: {error!r}.") from error
    found = before or Outlines(path, classes)
    if found.classes != classes:
        raise errors.DataError(f"{path} and {found.source} have different categories.")
    place = _Places(images)
    rows: dict[int, list[shapes.Shape]] = defaultdict(list)
    for index, one in enumerate(raw["annotations"]):
        try:
            shape = _coco_shape(one, number_of)
            rows[int(one["image_id"])].append(shape)
        except read_back.BROKEN as error:
            found.problems.append(f"{path}, annotation {index}: {error!r}")
    split = names.split_of(
        re.sub(r"instances|annotations?|coco|[_.]json$", " ", path.rpartition("/")[2])
    )
    split = split or next((one for one in map(names.split_of, path.split("/")[:-1]) if one), None)
    for number, one in files.items():
        image = place.of(str(one.get("file_name", "")), path)
        if image is None:
            found.problems.append(f"{path}: there is no image {one.get('file_name')!r}")
            continue
        size = (int(one.get("height", 0)), int(one.get("width", 0)))
        _keep(found, image, shapes.Shapes(size, tuple(rows[number])), f"{path}, image {number}")
        if split:
            found.splits[image] = split
    return found


def _coco_shape(one: dict[str, Any], number_of: dict[int, int]) -> shapes.Shape:
    number = shapes.void_or(number_of[int(one["category_id"])], one.get("iscrowd"))
    outline = one["segmentation"]
    if isinstance(outline, dict):
        height, width = outline["size"]
        runs = shapes.coco_runs(outline["counts"])
        return shapes.Shape(number, (), runs, (int(height), int(width)))
    return shapes.Shape(number, tuple(tuple(map(float, part)) for part in outline))


def yolo(root: Path, listing: str, images: Sequence[str], others: Sequence[str]) -> Outlines | None:
    """Reads YOLO's text files of polygons: a class number and x y in 0–1 a line.

    Returns None where the lines have four numbers after the class: boxes, and no outlines.
    """
    content = _read(root, listing)
    classes = read_back.from_yaml(
        content.decode("utf-8", "replace"), f"{WHAT} {listing}", _yolo_classes
    )
    found = Outlines(listing, classes)
    texts = {
        path.removesuffix(".txt").replace("labels/", "images/"): path
        for path in others
        if path.endswith(".txt") and path.rpartition("/")[2].lower() not in class_list.FILES
    }
    has_outline = False
    for image in images:
        text = texts.get(image.rpartition(".")[0])
        if text is None:
            continue
        made = []
        for number, line in enumerate(_read(root, text).decode("utf-8", "replace").splitlines(), 1):
            cells = line.split()
            if not cells:
                continue
            try:
                class_id, points = int(cells[0]), tuple(map(float, cells[1:]))
                if not 0 <= class_id < len(classes):
                    raise ValueError(f"class {class_id} of {len(classes)}")
            except ValueError as error:
                found.problems.append(f"{text}, line {number}: {error}")
                continue
            has_outline |= len(points) > 4
            made.append(shapes.Shape(class_id + 1, (points,)))
        _keep(found, image, shapes.Shapes(None, tuple(made)), text)
        split = next((one for one in map(names.split_of, image.split("/")[:-1]) if one), None)
        if split:
            found.splits[image] = split
    return found if has_outline else None


def _yolo_classes(raw: Any) -> list[str]:
    listed = raw["names"]
    given = [listed[key] for key in sorted(listed)] if isinstance(listed, dict) else listed
    return [names.canonical(str(name)) for name in given]


def label_studio(path: str, raw: list[Any], images: Sequence[str]) -> Outlines:
    """Reads a JSON export of Label Studio: polygons, in per cent of the image, and strokes of a brush."""
    place, rows, seen = _Places(images), [], set()
    found = Outlines(path, [])
    for index, one in enumerate(raw):
        where = f"{path}, task {index}"
        try:
            data = one["data"]
            named = str(data.get("image") or next(iter(data.values())))
            image = place.of(parse.unquote(named.rpartition("?d=")[2].partition("?")[0]), path)
            results = one["annotations"][0]["result"] if one["annotations"] else []
        except (*read_back.BROKEN, StopIteration) as error:
            found.problems.append(f"{where}: {error!r}")
            continue
        if image is None:
            found.problems.append(f"{where}: there is no image {named!r}")
            continue
        made = []
        for result in results:
            try:
                made.append(_drawn(result))
            except read_back.BROKEN as error:
                found.problems.append(f"{where}: {error!r}")
                continue
            seen.add(made[-1][0])
        rows.append((image, made, where))
    found.classes = sorted(seen)
    for image, made, where in rows:
        outlines = tuple(
            shape._replace(number=found.classes.index(name) + 1) for name, shape in made
        )
        _keep(found, image, shapes.Shapes(None, outlines), where)
    return found


def _drawn(result: dict[str, Any]) -> tuple[str, shapes.Shape]:
    """Returns the class and the shape of a polygon or of a brush's strokes; its number is to follow."""
    value = result["value"]
    if "rle" in value:
        size = (int(result["original_height"]), int(result["original_width"]))
        lengths = brush.runs([int(one) for one in value["rle"]], size)
        return names.canonical(str(value["brushlabels"][0])), shapes.Shape(0, (), lengths, size)
    points = tuple(float(number) / 100 for pair in value["points"] for number in pair)
    return names.canonical(str(value["polygonlabels"][0])), shapes.Shape(0, (points,))


def _keep(found: Outlines, image: str, given: shapes.Shapes, where: str) -> None:
    """Keeps the shapes of an image that can be drawn, and tells of the others."""
    good = []
    for shape in given.shapes:
        why = shapes.problem(shapes.Shapes(given.size, (shape,)))
        if why is None and shape.polygons and given.size is not None and min(given.size) < 1:
            why = f"the size of the image is {given.size[1]}×{given.size[0]}"
        if why:
            found.problems.append(f"{where}: {why}")
        else:
            good.append(shape)
    found.by_image[image] = shapes.Shapes(given.size, tuple(good[: shapes.MOST_SHAPES]))


class _Places:
    """Finds images by the names that annotation files use for them."""

    def __init__(self, images: Sequence[str]) -> None:
        self._known = set(images)
        self._by_name: dict[str, list[str]] = defaultdict(list)
        for image in images:
            self._by_name[image.rpartition("/")[2]].append(image)

    def of(self, name: str, beside: str) -> str | None:
        """Returns the path of an image: as it is named, beside the file, or by its only name."""
        name = name.replace("\\", "/").lstrip("./")
        folder = beside.rpartition("/")[0]
        for path in (name, f"{folder}/{name}"):
            if path in self._known:
                return path
        same = self._by_name.get(name.rpartition("/")[2], [])
        # Label Studio puts eight characters and a dash before the name of an uploaded file.
        same = same or self._by_name.get(re.sub(r"^[0-9a-f]{8}-", "", name.rpartition("/")[2]), [])
        return same[0] if len(same) == 1 else None


def _json(root: Path, path: str) -> Any:
    try:
        return read_back.from_json(_read(root, path), f"{WHAT} {path}", lambda raw: raw)
    except read_back.ReadError:
        return None  # some other JSON


def _read(root: Path, path: str) -> bytes:
    content = user_files.read(str(root), path, MAX_BYTES)
    if isinstance(content, decode.Rejection):
        raise errors.DataError(f"{path} cannot be read: {content.reason} {content.detail}.")
    return content
