"""Reads ``contract.json``, the description inside a SavedModel; served_model.py writes it."""

from pathlib import Path
from typing import Any

from data.files import read_back
from data.splits import labels
from tasks import task

FILE = "contract.json"


def read(saved_model: Path) -> dict[str, Any]:
    """Reads the contract among a SavedModel's assets; its ``labels`` are a list without repeats.

    Raises:
      errors.DataError: there is none, or it is damaged.
    """
    return read_back.json_file(saved_model / "assets" / FILE, "contract", _contract)


def _contract(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise read_back.BrokenError("it is not a JSON object")
    labels.check(found.get("labels"))
    # A model from before there were other tasks does not name its own.
    found.setdefault("task", task.DEFAULT)
    if found["task"] not in task.names():
        raise read_back.BrokenError(f"its task {found['task']!r} is not known")
    if not found["labels"] and task.load(found["task"]).needs_labels:
        raise read_back.BrokenError("it names no labels")
    return found
