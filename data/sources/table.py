"""What a format of manifests makes of a file: a table of rows, a row an image.

A format reads a file and no more. Which column is what, what a cell of labels says and where the
images are is the same for all formats: by_manifest.py.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

# Receives the place of a row, see Table.unit, and what is wrong with it; the row is passed over.
Report = Callable[[Any, str], None]
Row = tuple[Any, Sequence[Any]]


@dataclass(frozen=True)
class Table:
    """A manifest that was opened.

    Attributes:
      columns: their names, in order.
      rows: the positions of some columns → for each row its place and these cells, as they come
        from the file: a text, number, list or None.
      unit: what the place of a row counts, such as "line".
      read_as: how the file was read, for people: "CSV, UTF-8".
      path_column: the column of paths, if the format prescribes it.
      label_column: the column of labels, if the format prescribes it.
      alternatives: a path that leads to no file → other paths to try.
      empty_is_pending: whether an empty cell of labels means that nobody has labelled the image
        yet; else it has no label.
    """

    columns: tuple[str, ...]
    rows: Callable[[Sequence[int]], Iterator[Row]]
    unit: str
    read_as: str
    path_column: str | None = None
    label_column: str | None = None
    alternatives: Callable[[str], Sequence[str]] = lambda _: ()
    empty_is_pending: bool = False


@dataclass(frozen=True)
class Reading:
    """How a file is to be read.

    Attributes:
      report: called with each row that cannot be read.
      encoding: a codec of Python, or "auto".
      delimiter: the character between two cells of CSV, or "auto".
      is_known: whether a column of this name is looked for.
    """

    report: Report
    encoding: str = "auto"
    delimiter: str = "auto"
    is_known: Callable[[str], bool] = lambda _: False


class TableFormat(Protocol):
    """A format of manifests.

    Attributes:
      name: the value of ``labels.format``.
      summary: what it is, for ``--help``.
    """

    name: str
    summary: str

    def recognises(self, path: Path, head: bytes) -> bool:
        """Returns whether a file is of this format, by its name and its first bytes."""

    def opened(self, path: Path, reading: Reading) -> AbstractContextManager[Table]:
        """Opens a file.

        Raises:
          errors.DataError: it cannot be read as a whole.
        """
