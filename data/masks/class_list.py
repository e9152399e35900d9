"""Class lists that lie beside masks: classes.txt, codes.txt, and colour maps as CSV.

A text file has a name a line, optionally after its number or colour; a CSV has the columns
``name,r,g,b`` in any order and case. The order of the rows is that of the classes, unless a column
``id`` or ``value`` gives the mask's value.
"""

import csv
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass

from data import errors
from data.layout import names as folder_names
from data.masks import config as mask_config

FILES = ("classes.txt", "codes.txt", "labels.txt", "label_colors.txt", "obj.names")
CSV_FILES = ("class_dict.csv", "classes.csv", "colormap.csv", "colour_map.csv", "color_map.csv")
MAX_BYTES = 1 << 20
_NUMBERED = re.compile(r"\s*(\d{1,5})\s*[:,;\t ]\s*(\S.*)")
_COLOURED = re.compile(r"\s*(\d{1,3})[ ,\t]+(\d{1,3})[ ,\t]+(\d{1,3})[ ,\t]+(\S.*)")
_COLUMNS = {
    "name": ("name", "class", "label", "classname", "labelname"),
    "r": ("r", "red"),
    "g": ("g", "green"),
    "b": ("b", "blue"),
    "value": ("id", "value", "index"),
}


@dataclass(frozen=True)
class Entry:
    """A class of a list.

    Attributes:
      name: its name.
      value: the mask value that means it.
      colour: 0xRRGGBB that means it; None without a colour map.
    """

    name: str
    value: int
    colour: int | None = None

    @property
    def is_void(self) -> bool:
        """Returns whether the name says that pixels have no class."""
        plain = re.sub(r"[^a-z]+", " ", self.name.casefold()).strip()
        return plain in mask_config.VOID_NAMES


def parse(name: str, content: bytes) -> list[Entry]:
    """Parses a class list.

    Args:
      name: the file's name, for its format and for messages.
      content: its bytes, UTF-8 with or without a byte order mark.

    Raises:
      errors.DataError: it is too large, names a class twice, or a line cannot be understood; all
        problems with their lines.
    """
    if len(content) > MAX_BYTES:
        raise errors.DataError(f"{name} has {len(content)} bytes; a class list has {MAX_BYTES}.")
    text = content.decode("utf-8-sig", "replace")
    entries, problems = _csv(text) if name.lower().endswith(".csv") else _lines(text)
    seen: dict[str, int] = {}
    for line, entry in entries:
        if entry.name in seen:
            problems.append(f"line {line}: {entry.name!r} is also in line {seen[entry.name]}")
        seen.setdefault(entry.name, line)
    values = [entry.value for _, entry in entries]
    if len(set(values)) < len(values):
        problems.append("two classes have the same value")
    if problems:
        raise errors.DataError(*(f"{name}, {problem}." for problem in problems))
    return [entry for _, entry in sorted(entries, key=lambda one: one[1].value)]


def of_names(given: Iterable[str]) -> list[Entry]:
    """Makes a class list of names in the order of the values."""
    return [Entry(folder_names.canonical(name), value) for value, name in enumerate(given)]


def _lines(text: str) -> tuple[list[tuple[int, Entry]], list[str]]:
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    coloured = [_COLOURED.fullmatch(line) for _, line in lines]
    if lines and all(coloured):
        rows = [
            (number, found.groups())
            for (number, _), found in zip(lines, coloured, strict=True)
            if found
        ]
        return _coloured([(n, g[3], g[:3], None) for n, g in rows])
    numbered = [_NUMBERED.fullmatch(line) for _, line in lines]
    if lines and all(numbered):
        return [
            (number, Entry(folder_names.canonical(found[2].strip()), int(found[1])))
            for (number, _), found in zip(lines, numbered, strict=True)
            if found
        ], []
    return [
        (number, Entry(folder_names.canonical(line), value))
        for value, (number, line) in enumerate(lines)
    ], []


def _csv(text: str) -> tuple[list[tuple[int, Entry]], list[str]]:
    first = text.split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text), delimiter=separator)
    header = [re.sub(r"[^a-z]", "", cell.casefold()) for cell in next(reader, [])]
    places = {
        key: next((header.index(one) for one in known if one in header), None)
        for key, known in _COLUMNS.items()
    }
    if places["name"] is None:
        return [], [f"line 1: no column name; there are {', '.join(header) or 'none'}"]
    rows, problems = [], []
    for row in reader:
        if not any(cell.strip() for cell in row):
            continue
        try:
            got = {key: row[at].strip() for key, at in places.items() if at is not None}
        except IndexError:
            problems.append(f"line {reader.line_num}: {len(row)} columns, not {len(header)}")
            continue
        colour = tuple(got[one] for one in "rgb") if {"r", "g", "b"} <= got.keys() else None
        rows.append((reader.line_num, got["name"], colour, got.get("value")))
    entries, more = _coloured(rows)
    return entries, problems + more


def _coloured(
    rows: list[tuple[int, str, tuple[str, ...] | None, str | None]],
) -> tuple[list[tuple[int, Entry]], list[str]]:
    entries, problems = [], []
    for order, (line, name, cells, value) in enumerate(rows):
        colour = None
        if cells is not None:
            if not all(cell.isdecimal() and int(cell) <= 255 for cell in cells):
                problems.append(f"line {line}: the colour {','.join(cells)} is not three of 0–255")
                continue
            red, green, blue = (int(cell) for cell in cells)
            colour = (red << 16) | (green << 8) | blue
        if value is not None and not value.isdecimal():
            problems.append(f"line {line}: the value {value!r} is not a whole number")
            continue
        number = order if value is None else int(value)
        entries.append((line, Entry(folder_names.canonical(name), number, colour)))
    return entries, problems
