"""What the commands print: predictions and versions as tables."""

import datetime
import json
from collections.abc import Sequence
from pathlib import Path

from rich import console, table, text

from serving import client, versions


def predictions(paths: Sequence[Path], found: Sequence[client.Prediction]) -> None:
    """Prints what the model says of each image."""
    rows = table.Table(box=None, pad_edge=False)
    for column in ("image", "label"):
        rows.add_column(column, overflow="fold")
    rows.add_column("score", justify="right")
    rows.add_column("")
    for path, prediction in zip(paths, found, strict=True):
        score = f"{prediction.score:.1%}" if prediction.valid else ""
        rows.add_row(_plain(str(path)), _plain(prediction.label), score, _plain(_note(prediction)))
    _console().print(rows)
    numbers = sorted({prediction.version for prediction in found})
    _console().print(f"model version {', '.join(numbers)}")


def listing(found: Sequence[versions.Version], served: int | None) -> None:
    """Prints the versions, the newest first."""
    rows = table.Table(box=None, pad_edge=False)
    for column in ("version", "state", "pushed"):
        rows.add_column(column)
    for column in ("classes", "MB"):
        rows.add_column(column, justify="right")
    for version in reversed(found):
        rows.add_row(
            str(version.number),
            _state(version, served),
            _when(version.path),
            _classes(version.path),
            _megabytes(version.path),
        )
    _console().print(rows)


def _console() -> console.Console:
    # Folders and classes may be called [red] or :cat:.
    return console.Console(markup=False, emoji=False, highlight=False)


def _plain(value: str) -> text.Text:
    return text.Text("".join(c if c.isprintable() else "�" for c in value))


def _note(prediction: client.Prediction) -> str:
    if not prediction.valid:
        return "no image that can be read"
    return "unlike the training images" if prediction.outputs.get("outlier") else ""


def _state(version: versions.Version, served: int | None) -> str:
    if version.number == served:
        return "served"
    if not version.whole:
        return "not whole"
    return "withdrawn" if version.withdrawn else ""


def _when(folder: Path) -> str:
    time = datetime.datetime.fromtimestamp(folder.stat().st_mtime)
    return time.isoformat(" ", "minutes")


def _classes(folder: Path) -> str:
    try:
        contract = json.loads((folder / "assets" / "contract.json").read_text(encoding="utf-8"))
        return str(len(contract["labels"]))
    except (KeyError, OSError, TypeError, ValueError):
        return "?"


def _megabytes(folder: Path) -> str:
    size_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    return f"{size_bytes / 1e6:.1f}"
