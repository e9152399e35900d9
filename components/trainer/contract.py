"""Reading ``contract.json``, what a SavedModel says of itself; export.py writes it."""

from pathlib import Path
from typing import Any

from data.files import read_back
from data.splits import labels

FILE = "contract.json"


def read(saved_model: Path) -> dict[str, Any]:
    """The contract among a SavedModel's assets; its ``labels`` are a list of different names.

    Raises:
      errors.DataError: there is none, or it is damaged.
    """
    return read_back.json_file(saved_model / "assets" / FILE, "contract", _contract)


def _contract(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise read_back.BrokenError("it is no JSON object")
    labels.check(found.get("labels"))
    return found
