"""Chooses the format of the annotations below a data folder, and reads them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from data import errors
from data.boxes import coco, cvat, label_studio, table, voc, yolo
from data.boxes.config import Format
from data.boxes.files import Files, Found, split_of_path
from data.boxes.given import Fault, Given

READERS: dict[str, Callable[[Files], Found]] = {
    "voc": voc.find,
    "coco": coco.find,
    "yolo": yolo.find,
    "csv": table.find,
    "label_studio": label_studio.find,
    "cvat": cvat.find,
}


@dataclass(frozen=True)
class Understood:
    """How a data folder was understood.

    Attributes:
      files: the files below it.
      found: what the reader of the format found; images without an annotation are told.
      others: names of formats that are there too and are not used, with the number of images.
    """

    files: Files
    found: Found
    others: dict[str, int]


def read(root: Path, wanted: Format = "auto", without_annotation: bool = False) -> Understood:
    """Reads the boxes of all images below a data folder.

    Args:
      root: the data folder.
      wanted: the format; auto: the one that knows most images, the first of equals.
      without_annotation: whether an image without an annotation is one without an object.

    Raises:
      errors.DataError: there are no annotations of a known format.
    """
    files = Files.below(root)
    names = [name for name in READERS if wanted in ("auto", name)]
    results = [READERS[name](files) for name in names]
    best = max(results, key=lambda found: len(found.given))
    if not best.given:
        raise errors.DataError(_nothing(root, files, wanted, results))
    for image in files.images:
        if image not in best.given:
            best.tell("", image, Fault.NO_ANNOTATION)
            if without_annotation:
                best.given[image] = Given("")
    if not best.splits:
        for image in best.given:
            split = split_of_path(image)
            if split:
                best.splits[image] = split
    others = {one.format: len(one.given) for one in results if one is not best and one.given}
    return Understood(files, best, others)


def _nothing(root: Path, files: Files, wanted: Format, results: list[Found]) -> str:
    formats = ", ".join(sorted({result.format for result in results}))
    broken = [problem for result in results for problem in result.problems]
    first = f" The first problem: {broken[0].file} {broken[0].detail}." if broken else ""
    return (
        f"No boxes were found for the {len(files.images)} images in {root}; looked for {formats}."
        f"{first} The documentation of boxes shows where each format keeps its files."
    )
