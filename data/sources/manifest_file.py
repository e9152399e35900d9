"""A manifest's file: its format, how it is opened, how it was understood."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from data import errors, formats
from data.files import read_tables
from data.sources import columns
from data.sources.config import LabelsConfig
from data.sources.formats import REGISTRY
from data.sources.row_problems import Fault, RowProblems
from data.sources.table import Reading, Table, TableFormat


class Part(NamedTuple):
    """A manifest, or one of several.

    Attributes:
      path: the file.
      where: its name for messages, relative to the data folder if it lies in it.
      base: the folder that its paths are relative to.
      split: of rows that state none; None: the pipeline assigns them.
    """

    path: Path
    where: str
    base: Path
    split: str | None = None


@contextmanager
def opened(
    part: Part, config: LabelsConfig, problems: RowProblems, needed: bool = True
) -> Iterator[tuple[Table, columns.Columns]]:
    """Opens a manifest and finds its columns.

    Args:
      part: the file.
      config: its format, encoding and columns, as far as they are given.
      problems: receives the rows that cannot be read.
      needed: whether there must be labels.

    Yields:
      The table; its columns.

    Raises:
      errors.DataError: the file cannot be read, or lacks a column.
    """
    reading = Reading(
        report=lambda place, text: problems.add(Fault.UNREADABLE, place, text),
        encoding=config.encoding,
        delimiter=config.delimiter,
        is_known=lambda name: (
            columns.simple(name) in columns.KNOWN
            or name in (config.path_column, config.label_column)
        ),
    )
    with _format(part, config).opened(part.path, reading) as table:
        problems.unit = table.unit
        yield table, columns.choose(table, config, part.where, needed)


def _format(part: Part, config: LabelsConfig) -> TableFormat:
    """Returns the format of a manifest: as given, or by its name and first bytes.

    Raises:
      errors.DataError: no format recognises it.
    """
    if config.format in REGISTRY:
        return REGISTRY[config.format]
    head = read_tables.head(part.path)
    found = next((one for one in REGISTRY.values() if one.recognises(part.path, head)), None)
    if found is None:
        raise errors.DataError(
            f"{part.where} is no manifest by its name: .csv, .tsv, .jsonl, .parquet and .json are"
            f" known. Its format can be given: --labels.format, one of {', '.join(REGISTRY)}."
        )
    return found


def understood(part: Part, table: Table, chosen: columns.Columns, count: int) -> Iterator[str]:
    """Yields lines for people: how a manifest was read, and which columns were not."""
    roles = ("path", "label", "split", "group")
    read = ", ".join(
        f"{role} in {columns.shown([chosen.names[place]])}"
        for role in roles
        if (place := getattr(chosen, role)) is not None
    )
    rows = formats.plural(count, "row")
    none = "" if chosen.label is not None else "; no labels, only the structure can be measured"
    yield f"labels:  {part.where} ({table.read_as}, {rows}): {read}{none}"
    weights = [name for name in chosen.unread if columns.simple(name) in columns.WEIGHTS]
    others = [name for name in chosen.unread if name not in weights]
    if others:
        yield f"columns that are not used: {columns.shown(others)}"
    for name in weights:
        yield f"{columns.shown([name])} is not used: every training image counts the same"
