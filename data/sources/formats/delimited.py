"""CSV and TSV with a header."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data.files import read_back, read_tables
from data.sources.table import Reading, Row, Table

SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_DELIMITERS = (",", ";", "\t", "|")
_NAMES = {"\t": "tab", " ": "space"}


class Delimited:
    """A table of text, a line a row, the names of the columns first."""

    name = "csv"
    summary = "CSV or TSV with a header"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether the suffix is ``.csv``, ``.tsv`` or ``.tab``."""
        return path.suffix.lower() in SUFFIXES

    @contextmanager
    def opened(self, path: Path, reading: Reading) -> Iterator[Table]:
        """Opens a file; see :class:`data.sources.table.TableFormat`."""
        with read_tables.lines(path, "manifest", reading.encoding) as lines:
            given = iter(lines)
            first, header = next(
                ((number, line) for number, line in enumerate(given, 1) if not line.isspace()),
                (1, ""),
            )
            delimiter = _delimiter(header, path, reading)
            found = read_tables.csv_rows(itertools.chain([header], given), delimiter, first)
            _, columns = next(found, (1, []))
            if not columns:
                raise read_back.BrokenError("it is empty; its first line must name the columns")
            names = tuple(column.strip() for column in columns)
            yield Table(
                columns=names,
                rows=lambda wanted: _rows(found, len(names), wanted, reading),
                unit="line",
                read_as=f"{'TSV' if delimiter == chr(9) else 'CSV'}, {lines.encoding}"
                + ("" if delimiter in ",\t" else f", delimiter {_NAMES.get(delimiter, delimiter)}"),
            )


FORMAT = Delimited()


def _rows(
    found: Iterator[tuple[int, list[str]]], count: int, wanted: Sequence[int], reading: Reading
) -> Iterator[Row]:
    for line, cells in found:
        # Some programs end each line with a delimiter.
        if len(cells) != count and (len(cells) < count or any(cells[count:])):
            reading.report(line, f"{len(cells)} cells, the header has {count}")
            continue
        yield line, [cells[place] for place in wanted]


def _delimiter(header: str, path: Path, reading: Reading) -> str:
    """Chooses the delimiter that yields the most known names of columns, then the most columns."""
    if reading.delimiter != read_tables.AUTO:
        return reading.delimiter
    first = SUFFIXES.get(path.suffix.lower(), ",")

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            _, cells = next(read_tables.csv_rows([header], delimiter), (1, []))
        except read_back.BrokenError:
            return 0, 0
        known = sum(reading.is_known(cell.strip()) for cell in cells)
        return known, len(cells)

    return max((first, *_DELIMITERS), key=worth)  # of several the first
