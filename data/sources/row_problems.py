"""Collects what is wrong with the rows of a manifest, and tells it once, with line numbers."""

import enum
import re
from collections import Counter
from typing import Any

from data.splits import folder

EXAMPLES = 5
_SHOWN = 120
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")  # a terminal would obey them


class Fault(enum.Enum):
    """What is wrong with a row. The advice is in whole sentences."""

    UNREADABLE = ("rows that cannot be read", "")
    NO_PATH = ("rows without a path", "")
    REMOTE = (
        "rows whose file is not on this machine",
        "Download the images, or mount their storage.",
    )
    OUTSIDE = (
        "rows whose file lies outside of the data folder",
        "Nothing outside of it is read: give a --data-dir that holds all images.",
    )
    MISSING = ("rows whose file does not exist", "")
    NO_FILE = ("rows that name a folder", "")
    NO_LABEL = ("rows without a label", "Fill it in, or leave the rows out.")
    SEVERAL_LABELS = ("rows with several labels", "")
    BAD_LABEL = ("rows whose label cannot be used", "")
    BAD_SPLIT = (
        "rows with an unknown split",
        "A split is train, val or test, or another usual name of these; an empty cell leaves it to"
        " the pipeline; --labels.split-column none ignores the column.",
    )
    BAD_GROUP = ("rows whose group is no text or number", "")
    CONFLICT = (
        "rows that contradict an earlier one about the same file",
        "An image has one label, split and group.",
    )

    @property
    def text(self) -> str:
        """Returns the kind of rows."""
        return self.value[0]

    @property
    def advice(self) -> str:
        """Returns what to do; empty where the text says enough."""
        return self.value[1]


def plain(text: str) -> str:
    """Returns a text of a stranger's file for a message: control characters are escaped."""
    return _CONTROL.sub(lambda found: f"\\x{ord(found[0]):02x}", folder.printable(text))


class RowProblems:
    """The problems of a manifest's rows.

    Args:
      where: the manifest's name.
      unit: what the place of a row counts, such as "line".
    """

    def __init__(self, where: str, unit: str = "line") -> None:
        self._where = where
        self.unit = unit
        self._counts: Counter[Fault] = Counter()
        self._examples: dict[Fault, list[str]] = {}
        self._advice: dict[Fault, str] = {}

    def __bool__(self) -> bool:
        return bool(self._counts)

    def add(self, fault: Fault, place: Any, detail: object = "") -> None:
        """Adds a row.

        Args:
          fault: what is wrong.
          place: the number of the row.
          detail: the value that is wrong.
        """
        self._counts[fault] += 1
        shown = self._examples.setdefault(fault, [])
        if len(shown) < EXAMPLES:
            text = str(detail)
            text = f"{text[:_SHOWN]} …" if len(text) > _SHOWN else text
            text = plain(text)
            shown.append(f"{self.unit} {place}: {text}" if text else f"{self.unit} {place}")

    def advise(self, fault: Fault, sentence: str) -> None:
        """Adds a sentence to a fault; the first one stays."""
        self._advice.setdefault(fault, sentence)

    def count(self, fault: Fault) -> int:
        """Returns how many rows have a fault so far."""
        return self._counts[fault]

    def sentences(self) -> list[str]:
        """Returns a paragraph for each fault."""
        found = []
        for fault in Fault:
            count = self._counts[fault]
            if not count:
                continue
            shown = "; ".join(self._examples[fault]) + ("; …" if count > EXAMPLES else "")
            parts = (
                f"{self._where}: {fault.text}: {count:,} ({shown}).",
                self._advice.get(fault, ""),
                fault.advice,
            )
            found.append(" ".join(part for part in parts if part))
        return found
