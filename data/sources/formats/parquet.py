"""Parquet: only the columns that are needed are read, a batch at a time."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from data.files import read_back
from data.sources.table import Reading, Row, Table

SUFFIXES = (".parquet", ".pq")
_MAGIC = b"PAR1"
_ROWS_AT_A_TIME = 1 << 15
# A small file may say one long text a million times.
MAX_BATCH_BYTES = 1 << 28


class Parquet:
    """A table of Parquet."""

    name = "parquet"
    summary = "Parquet"

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether the suffix is ``.parquet`` or ``.pq``, or the file begins as Parquet."""
        return path.suffix.lower() in SUFFIXES or head.startswith(_MAGIC)

    @contextmanager
    def opened(self, path: Path, reading: Reading) -> Iterator[Table]:
        """Opens a file; see :class:`data.sources.table.TableFormat`."""
        # Not above: every command line imports the formats, and pyarrow takes a tenth of a second.
        from data.files import read_parquet

        with read_parquet.opened(path, "manifest") as file:
            columns = tuple(file.schema_arrow.names)

            def rows(wanted: Sequence[int]) -> Iterator[Row]:
                names = [columns[place] for place in wanted]
                row = 0
                for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=names):
                    if batch.nbytes > MAX_BATCH_BYTES:
                        raise read_back.BrokenError(
                            f"{batch.num_rows:,} rows of it hold {batch.nbytes:,} bytes of paths"
                            " and labels"
                        )
                    cells = [_plain(batch.column(name)) for name in names]
                    for values in zip(*cells, strict=True):
                        row += 1
                        yield row, values

            yield Table(columns, rows, "row", "Parquet")


FORMAT = Parquet()


def _plain(column: Any) -> list[Any]:
    """Returns the values of a column; those of a dictionary are one object however often they are."""
    indices = getattr(column, "indices", None)
    if indices is None:
        return column.to_pylist()
    values = column.dictionary.to_pylist()
    return [None if index is None else values[index] for index in indices.to_pylist()]
