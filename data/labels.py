"""The label map: class names in the order of their label ids.

Frozen by the first training run; new classes are added at the end, none is ever moved or
dropped, so that the label ids of an old and a new model mean the same.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from data import atomic, errors

FILE = "labels.json"


def extend(frozen: list[str], found: Iterable[str]) -> list[str]:
    """The label map for a run: the frozen one, then the classes new to it, sorted."""
    known = set(frozen)
    return [*frozen, *sorted(name for name in set(found) if name not in known)]


def to_json(names: list[str]) -> str:
    """The label map as text."""
    return json.dumps(names, indent=1) + "\n"


def from_json(text: str, where: str) -> list[str]:
    """Reads what :func:`to_json` wrote.

    Args:
      text: the label map as JSON.
      where: the file's name, for messages.

    Raises:
      errors.DataError: the text holds no list of different names.
    """
    try:
        names = json.loads(text)
    except ValueError as error:
        raise errors.DataError(f"The label map {where} is no JSON: {error}.") from error
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise errors.DataError(f"The label map {where} must hold a list of class names.")
    if len(set(names)) != len(names):
        raise errors.DataError(f"The label map {where} names a class twice.")
    return names


def load(path: str | Path) -> list[str]:
    """Reads a label map; empty where there is no file yet.

    Raises:
      errors.DataError: the file holds no list of different names.
    """
    path = Path(path)
    return from_json(path.read_text(encoding="utf-8"), str(path)) if path.exists() else []


def save(path: str | Path, names: list[str]) -> None:
    """Writes a label map, whole or not at all."""
    with atomic.replacing(path) as temporary:
        temporary.write_text(to_json(names), encoding="utf-8")
