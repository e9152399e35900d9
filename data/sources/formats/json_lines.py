"""JSON lines: an object a line, its keys are the columns."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from data.files import read_back, read_tables
from data.sources.table import Reading, Row, Table

SUFFIXES = (".jsonl", ".ndjson", ".jsonlines")
MAX_KEYS = 10_000


class JsonLines:
    """A table of JSON objects; a key that an object lacks is an empty cell."""

    name = "jsonl"
    summary = "JSON lines"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether the suffix is ``.jsonl``, ``.ndjson`` or ``.jsonlines``."""
        return path.suffix.lower() in SUFFIXES

    @contextmanager
    def opened(self, path: Path, reading: Reading) -> Iterator[Table]:
        """Opens a file; see :class:`data.sources.table.TableFormat`.

        It is read twice: an optional key may be in any line.
        """
        keys: dict[str, None] = {}
        with read_tables.lines(path, "manifest", reading.encoding) as lines:
            for _, found in read_tables.json_rows(lines, lambda *_: None):
                keys.update(dict.fromkeys(found))
                if len(keys) > MAX_KEYS:
                    raise read_back.BrokenError(f"its objects have more than {MAX_KEYS:,} keys")
            if not keys:
                raise read_back.BrokenError("no line of it is a JSON object")
        columns = tuple(keys)

        def rows(wanted: Sequence[int]) -> Iterator[Row]:
            names = [columns[place] for place in wanted]
            with read_tables.lines(path, "manifest", reading.encoding) as again:
                for line, found in read_tables.json_rows(again, reading.report):
                    yield line, [found.get(name) for name in names]

        yield Table(columns, rows, "line", f"JSON lines, {lines.encoding}")


FORMAT = JsonLines()
