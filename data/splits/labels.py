"""The label map: class names in the order of their label ids.

Frozen by the first training run; new classes are added at the end, none is ever moved or dropped,
so that the label ids of an old and a new model mean the same. Names are in Unicode's form NFC.
It is empty where images have no labels.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from data.files import atomic, read_back
from data.layout import names as layout_names


def extend(frozen: list[str], found: Iterable[str], keeps_order: bool = False) -> list[str]:
    """Returns the label map for a run: the frozen one, then the new classes.

    Args:
      frozen: the label map of earlier runs.
      found: the classes of this run.
      keeps_order: the new classes have an order of their own; else they are sorted.
    """
    new = dict.fromkeys(found) if keeps_order else sorted(set(found))
    return [*frozen, *(name for name in new if name not in set(frozen))]


def to_json(names: list[str]) -> str:
    """Returns the label map as text."""
    return json.dumps(names, indent=1) + "\n"


def from_json(text: str, where: str, remedy: str = "") -> list[str]:
    """Parses the result of :func:`to_json`.

    Args:
      text: the label map as JSON.
      where: the file's name, for messages.
      remedy: what to do if it is invalid, in whole sentences.

    Raises:
      errors.DataError: the text is not a list of distinct names.
    """
    return read_back.from_json(text, f"label map {where}", check, remedy)


def load(path: str | Path) -> list[str]:
    """Reads a label map; empty if there is no file yet.

    Raises:
      errors.DataError: the file is not a list of distinct names; names the backup to use.
    """
    remedy = atomic.remedy(path, "the classes would change places")
    try:
        return from_json(read_back.text(path, "label map", remedy), str(path), remedy)
    except read_back.AbsentError:
        return []


def save(path: str | Path, names: list[str]) -> None:
    """Writes a label map atomically, and keeps the previous one as a backup."""
    with atomic.replacing(path, durable=True, backup=True) as temporary:
        temporary.write_text(to_json(names), encoding="utf-8")


def check(found: Any) -> list[str]:
    """Returns a value that is a valid label map.

    Raises:
      read_back.BrokenError: it is not a list of distinct names.
    """
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise read_back.BrokenError("a list of class names is needed")
    canonical = [layout_names.canonical(one) for one in found]
    if len(set(canonical)) != len(canonical):
        raise read_back.BrokenError("it names a class twice")
    return canonical
