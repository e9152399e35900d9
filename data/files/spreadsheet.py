"""CSV files that people open in a spreadsheet."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from typing import TextIO

from data.splits import folder

# A cell that begins with one of these is a formula, which may run programs and send data.
# Source: OWASP, "CSV Injection"; East Asian spreadsheets read full-width forms as the others.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_MARK = "'"


def text(header: Sequence[str], rows: Iterable[Iterable[object]]) -> str:
    """Returns a CSV file of untrusted names.

    Args:
      header: the names of the columns.
      rows: a value for each, see :func:`cell`.
    """
    buffer = io.StringIO()
    put = writing(buffer, header)
    for row in rows:
        put(row)
    return buffer.getvalue()


def writing(file: TextIO, header: Sequence[str]) -> Callable[[Iterable[object]], None]:
    """Begins such a file, for more rows than fit into memory.

    Args:
      file: opened for text, with ``newline=""``.
      header: the names of the columns.

    Returns:
      a function that writes a row.
    """
    writer = csv.writer(file, lineterminator="\n")

    def put(row: Iterable[object]) -> None:
        writer.writerow([cell(value) for value in row])

    put(header)
    return put


def exact(file: TextIO) -> Callable[[Iterable[str]], None]:
    """Begins a file that programs read back, in which every text must stay what it is.

    Args:
      file: opened for text, with ``newline=""``.

    Returns:
      a function that writes a row; texts that a spreadsheet would evaluate are the caller's to guard,
      see :func:`guarded`.
    """
    writer = csv.writer(file, lineterminator="\n")

    def put(row: Iterable[str]) -> None:
        writer.writerow(row)

    return put


def cell(value: object) -> str:
    """Formats a value so that a spreadsheet shows it and never evaluates it.

    Args:
      value: a text: bytes that are not UTF-8 are escaped, and a text that a spreadsheet would take
        for a formula gets an apostrophe. A float gets six digits; None is empty.
    """
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    shown = folder.printable(str(value))
    return f"{_MARK}{shown}" if shown.startswith(_FORMULA) else shown


def guarded(text: str) -> str:
    """Marks a text that a spreadsheet would evaluate, so that :func:`unguarded` returns it."""
    return f"{_MARK}{text}" if text.startswith((*_FORMULA, _MARK)) else text


def unguarded(cell: str) -> str:
    """Returns the text of which :func:`guarded` made a cell; other texts as they are."""
    is_marked = cell.startswith(_MARK) and cell[1:].startswith((*_FORMULA, _MARK))
    return cell[1:] if is_marked else cell
