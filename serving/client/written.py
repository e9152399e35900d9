"""Writes the answers about images to a folder, for other programs.

    <folder>/
      answers.csv             a row an image
      boxes.csv               a row an object, of a model that gives boxes
      neighbours.csv          a row a neighbour, of a model that searches a gallery
      mask/<file name>.png    an image of each output that is one, such as mask_png

Dimension letter: K classes.
"""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from serving import errors
from serving.client import predicted

ANSWERS, BOXES, NEIGHBOURS = "answers.csv", "boxes.csv", "neighbours.csv"
# A cell that begins with one of these is a formula, which may run programs and send data.
# Source: OWASP, "CSV Injection"; East Asian spreadsheets read full-width forms as the others.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_PNG = b"\x89PNG\r\n\x1a\n"
_SUFFIX = "_png"
_COLUMNS = ("image", "label", "score", "valid", "invalid_reason", "version")
_NEIGHBOUR_COLUMNS = ("image", "rank", "neighbour", "label", "cosine")
_BOX_COLUMNS = ("image", "label", "score", "ymin", "xmin", "ymax", "xmax")


def check(folder: Path) -> None:
    """Checks that nothing would be overwritten.

    Raises:
      errors.UserError: the folder exists and is no folder, or holds something.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise errors.UserError(f"{folder} exists and is no empty folder: name another one.")


def write(
    folder: Path,
    paths: Sequence[Path],
    found: Sequence[predicted.Prediction],
    labels: Sequence[str],
) -> list[Path]:
    """Writes answers to a folder that :func:`check` let pass.

    Args:
      folder: created if missing.
      paths: the images.
      found: the prediction for each.
      labels: the K classes; their probabilities, or shares of the pixels, are columns. Where the
        answers have another number of them, the columns have numbers.

    Returns:
      The tables and folders that were written.

    Raises:
      errors.UserError: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        images, folders = _write_images(folder, paths, found)
        count = max((len(one.probabilities) for one in found), default=0)
        scored = labels if len(labels) == count else [f"class {place}" for place in range(count)]
        rows = (
            [path, one.label, one.score, one.valid, one.invalid_reason, one.version]
            + [float(value) for value in one.probabilities]
            + [files.get(name, "") for name in folders]
            for path, one, files in zip(paths, found, images, strict=True)
        )
        header = [*_COLUMNS, *scored, *folders]
        written = [_write_table(folder / ANSWERS, header, rows)]
        if any(predicted.DETECTIONS in one.outputs for one in found):
            written.append(_write_table(folder / BOXES, _BOX_COLUMNS, _boxes(paths, found)))
        if any(predicted.NEIGHBOURS in one.outputs for one in found):
            near = _neighbours(paths, found)
            written.append(_write_table(folder / NEIGHBOURS, _NEIGHBOUR_COLUMNS, near))
        return written + [folder / name for name in folders]
    except OSError as error:
        raise errors.UserError(f"{folder} cannot be written: {error.strerror}.") from error


def _write_images(
    folder: Path, paths: Sequence[Path], found: Sequence[predicted.Prediction]
) -> tuple[list[dict[str, str]], list[str]]:
    """Writes the outputs that are PNG files; returns each image's by their folder, and all folders, sorted."""
    rows, counts = [], Counter[str]()
    for path, one in zip(paths, found, strict=True):
        counts[path.name] += 1
        again = f"-{counts[path.name]}" if counts[path.name] > 1 else ""
        row = {}
        for name, content in one.outputs.items():
            if name.endswith(_SUFFIX) and isinstance(content, bytes) and content.startswith(_PNG):
                into = name.removesuffix(_SUFFIX)
                row[into] = f"{into}/{path.name}{again}.png"
                (folder / into).mkdir(exist_ok=True)
                (folder / row[into]).write_bytes(content)
        rows.append(row)
    return rows, sorted({name for row in rows for name in row})


def _write_table(path: Path, header: Sequence[str], rows: Any) -> Path:
    # A path or name may hold bytes that are no UTF-8.
    with path.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        csv.writer(file).writerows([cell(value) for value in row] for row in [header, *rows])
    return path


def cell(value: Any) -> Any:
    """Returns a value that a spreadsheet shows and never evaluates: such a text gets an apostrophe."""
    shown = str(value) if isinstance(value, (str, Path)) else value
    return f"'{shown}" if isinstance(shown, str) and shown.startswith(_FORMULA) else shown


def _boxes(paths: Sequence[Path], found: Sequence[predicted.Prediction]) -> Iterator[list[Any]]:
    """Yields each object, in pixels of the upright image, the best of an image first."""
    for path, one in zip(paths, found, strict=True):
        count = int(one.outputs.get(predicted.DETECTIONS, 0))
        for place in range(count):
            label = one.outputs[predicted.LABELS][place].decode("utf-8", "replace")
            corners = [float(value) for value in np.asarray(one.outputs["boxes"][place])]
            yield [path, label, float(one.outputs["scores"][place]), *corners]


def _neighbours(
    paths: Sequence[Path], found: Sequence[predicted.Prediction]
) -> Iterator[list[Any]]:
    """Yields each neighbour, the nearest of an image first."""
    for path, one in zip(paths, found, strict=True):
        for rank, other in enumerate(one.neighbours, 1):
            yield [path, rank, other.path, other.label, other.cosine]
