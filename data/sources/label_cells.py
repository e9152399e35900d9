"""What a cell of labels says."""

import math
import re
from collections.abc import Iterable
from typing import Any

from data.files import read_tables
from data.layout import names
from data.sources.config import AUTO, NONE

SEPARATORS = ("|", ";")
MAX_CHARACTERS = 200
# A list as Python prints it, which pandas writes into CSV: ['a', 'b'].
_LISTED = re.compile(r"""\[\s*('[^'\\]*'|"[^"\\]*")(\s*,\s*('[^'\\]*'|"[^"\\]*"))*(\s*,)?\s*\]""")
_QUOTED = re.compile(r"""'([^'\\]*)'|"([^"\\]*)\"""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]")
_MOST_REMEMBERED = 100_000


class Cells:
    """Reads cells of labels.

    Args:
      separator: the text between several labels; "auto": the first of SEPARATORS that is in the
        cell; "none": a cell is one label.

    Attributes:
      separators: those that separated labels so far.
    """

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._known: dict[str, tuple[str, ...] | None] = {}
        self.separators: set[str] = set()

    def labels(self, cell: Any) -> tuple[str, ...] | None:
        """Returns the labels in a cell, sorted, each once; None if the cell is empty.

        Args:
          cell: a text, a number, a list of such, or None.

        Raises:
          ValueError: it is something else, or a label is too long or cannot be printed.
        """
        if not isinstance(cell, str):
            return self._other(cell)
        if cell in self._known:
            return self._known[cell]
        labels = tidied(self._parts(cell)) or None
        if len(self._known) < _MOST_REMEMBERED:
            self._known[cell] = labels
        return labels

    def _other(self, cell: Any) -> tuple[str, ...] | None:
        if cell is None or (isinstance(cell, float) and math.isnan(cell)):
            return None
        if isinstance(cell, list):
            return tidied([_text(one) for one in cell])
        return tidied([_text(cell)])

    def _parts(self, cell: str) -> list[str]:
        if cell.startswith("[") and cell.rstrip().endswith("]"):
            listed = _list(cell.rstrip())
            if listed is not None:
                self.separators.add(",")
                return listed
        if self._separator == NONE:
            return [cell]
        separator = self._separator
        if separator == AUTO:
            separator = next((one for one in SEPARATORS if one in cell), "")
        if not separator or separator not in cell.strip():
            return [cell]
        self.separators.add(separator)
        return cell.split(separator)


def is_printable(text: str) -> bool:
    """Returns whether a text holds no control characters, and is UTF-8."""
    return not _CONTROL.search(text)


def _list(cell: str) -> list[str] | None:
    """Returns the texts of a list as JSON or Python writes it; None if it is neither."""
    try:
        found = read_tables.json_cell(cell)
    except ValueError:
        if _LISTED.fullmatch(cell):
            return [one or other for one, other in _QUOTED.findall(cell)]
        return None
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return found
    return None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # whole numbers with gaps become floats in tables
    if isinstance(value, int | float):  # True is "True"
        return str(value)
    raise ValueError(f"{value!r:.60} is no label")


def tidied(labels: Iterable[str]) -> tuple[str, ...]:
    """Returns labels sorted, each once, without spaces around them, in Unicode's form NFC.

    Raises:
      ValueError: one is too long or cannot be printed.
    """
    found = {names.canonical(label.strip()) for label in labels} - {""}
    for label in found:
        if len(label) > MAX_CHARACTERS:
            raise ValueError(f"a label of {len(label):,} characters; at most {MAX_CHARACTERS}")
        if not is_printable(label):
            raise ValueError(f"{label!r:.60} holds characters that cannot be printed")
    return tuple(sorted(found))
