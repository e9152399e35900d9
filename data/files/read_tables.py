"""Reads tables that people and other programs write: CSV and JSON lines, row by row.

Each row comes with the number of the line it begins at. The text may be of any encoding, have a
byte-order mark, any ends of lines, quoted cells over several lines; a line, and so a cell, has a
bound. Only the current row is in memory.
"""

import codecs
import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from data.files import read_back

AUTO = "auto"
MAX_LINE_CHARACTERS = 1 << 20
MAX_FILE_BYTES = 64 << 30  # read as a stream
# The longer marks come first: one of UTF-16 is the beginning of one of UTF-32.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NAMES = {"utf-8-sig": "UTF-8", "utf-8": "UTF-8", "utf-16": "UTF-16", "utf-32": "UTF-32"}
_UNDECODED = re.compile("[\udc80-\udcff]")
_SHOWN = 60

# Receives the number of a line and what is wrong with it; the line is passed over.
Report = Callable[[int, str], None]


class Lines:
    """The lines of a text file.

    Attributes:
      encoding: its name, for people.
    """

    def __init__(self, file: IO[bytes], encoding: str) -> None:
        codec = _codec(file) if encoding == AUTO else encoding
        self.encoding = _NAMES.get(codec, codec)
        self._is_utf8 = codec in ("utf-8", "utf-8-sig")
        # What is no UTF-8 is found in its line; elsewhere the decoder reports it.
        errors = "surrogateescape" if self._is_utf8 else "strict"
        self._text = io.TextIOWrapper(file, encoding=codec, errors=errors, newline="")

    def __iter__(self) -> Iterator[str]:
        """Yields the lines with their ends.

        Raises:
          read_back.BrokenError: a line is too long, holds a zero byte, or is of another encoding.
        """
        number = 0
        while line := self._next(number):
            number += 1
            if not line.isascii() and self._is_utf8 and _UNDECODED.search(line):
                raise read_back.BrokenError(_not_utf8(line, number))
            if "\0" in line:
                raise read_back.BrokenError(
                    f"line {number} holds a zero byte; UTF-16 without a mark at its beginning is"
                    " read with --labels.encoding utf-16-le"
                )
            if len(line) > MAX_LINE_CHARACTERS:
                raise read_back.BrokenError(
                    f"line {number} has more than {MAX_LINE_CHARACTERS:,} characters, the most that"
                    " are read"
                )
            yield line

    def _next(self, number: int) -> str:
        try:
            return self._text.readline(MAX_LINE_CHARACTERS + 1)
        except UnicodeError as error:
            reason = error.reason if isinstance(error, UnicodeDecodeError) else error
            raise read_back.BrokenError(
                f"it is no {self.encoding} text, at line {number + 1} or later ({reason})"
            ) from error


@contextmanager
def lines(path: read_back.Name, what: str, encoding: str = AUTO) -> Iterator[Lines]:
    """Opens a text file of the local disk.

    Args:
      path: the file.
      what: the kind of file, for messages.
      encoding: a codec of Python; "auto": by the mark at its beginning, else UTF-8.

    Yields:
      Its lines. Exceptions that its content raises inside are reported as a fault of the file.

    Raises:
      read_back.AbsentError: there is no such file.
      read_back.ReadError: it cannot be read.
    """
    with (
        read_back.reading(f"{what} {os.fspath(path)}"),
        read_back.local(path, MAX_FILE_BYTES) as file,
    ):
        yield Lines(file, encoding)


def csv_rows(
    found: Iterable[str], delimiter: str, first: int = 1
) -> Iterator[tuple[int, list[str]]]:
    """Parses lines of CSV; quotes are doubled inside quotes (RFC 4180).

    Args:
      found: the lines with their ends.
      delimiter: the character between two cells.
      first: the number of the first line.

    Yields:
      The number of the line at which a row begins; its cells. Blank lines are skipped.

    Raises:
      read_back.BrokenError: a quote is wrong, or a cell has no end.
    """
    reader = csv.reader(found, delimiter=delimiter, strict=True)
    start = first
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise read_back.BrokenError(
                f"line {start} begins a row that cannot be parsed ({error}); a quote inside a"
                " quoted cell is doubled"
            ) from error
        if row:
            yield start, row
        start = first + reader.line_num


def json_rows(found: Iterable[str], report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """Parses lines with a JSON object each.

    Args:
      found: the lines.
      report: called for each line that is no JSON object.

    Yields:
      The number of the line, from 1; the object. Blank lines are skipped.
    """
    for number, line in enumerate(found, 1):
        if line.isspace():
            continue
        try:
            value = json.loads(line)
        except read_back.BROKEN as error:
            report(number, f"no JSON: {' '.join(str(error).split())[:_SHOWN]}")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            report(number, f"no JSON object: {line.strip()[:_SHOWN]}")


def json_cell(text: str) -> Any:
    """Parses the JSON in a cell.

    Raises:
      ValueError: it is no JSON.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def head(path: read_back.Name, size: int = 4096) -> bytes:
    """Returns the first bytes of a regular file of the local disk; none if it cannot be read."""
    try:
        with read_back.local(path, None) as file:
            return file.read(size)
    except (OSError, ValueError):
        return b""


def is_encoding(name: str) -> bool:
    """Returns whether a name is "auto" or that of a text encoding."""
    if name == AUTO:
        return True
    try:
        "".encode(codecs.lookup(name).name)
    except (LookupError, UnicodeError, ValueError):
        return False
    return True


def _codec(file: IO[bytes]) -> str:
    begin = file.read(4)
    file.seek(0)
    return next((codec for mark, codec in _MARKS if begin.startswith(mark)), "utf-8")


def _not_utf8(line: str, number: int) -> str:
    raw = line.strip().encode("utf-8", "surrogateescape")
    guess = raw.decode("cp1252", "replace")[:_SHOWN]
    return (
        f"line {number} is no UTF-8 text; name the encoding, such as --labels.encoding cp1252, in"
        f" which the line reads {guess!r}"
    )
