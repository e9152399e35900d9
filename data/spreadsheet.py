"""CSV files that people open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

from data import folder

# What begins with one of these is a formula to a spreadsheet, which may run programs and send data.
# Source: OWASP, "CSV Injection"; full-width forms are read as the others where East Asian is typed.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def text(header: Sequence[str], rows: Iterable[Iterable[str]]) -> str:
    """Makes a CSV file of names that a stranger may have chosen.

    Args:
      header: the names of the columns.
      rows: a value for each; bytes that are no UTF-8 are escaped, and what a spreadsheet would take
        for a formula gets an apostrophe before it.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([cell(value) for value in row] for row in rows)
    return buffer.getvalue()


def cell(value: str) -> str:
    """A value as a spreadsheet shows it, whatever it begins with."""
    shown = folder.printable(value)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
