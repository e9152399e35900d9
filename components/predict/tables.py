"""Writes the answers about a user's files as one file: CSV, JSON lines or Parquet.

In text, a file name that is not UTF-8 is escaped; Parquet has its bytes. CSV has no embeddings.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.predict import answering
from data import errors
from data.files import atomic, read_parquet, spreadsheet
from data.splits import folder
from tasks.predictions import schema

# In the order of the columns; the probabilities of the classes follow.
TEXT_COLUMNS = (
    schema.PATH,
    answering.PREDICTED,
    answering.SCORE,
    schema.VALID,
    answering.REASON,
    answering.DETAIL,
    schema.OUTLIER,
    schema.OUTLIER_SCORE,
    schema.SHA256,
)
PROBABILITY_OF = "probability of "
Writer = Callable[[Path, Sequence[str]], None]


def check(output: Path) -> None:
    """Refuses an output whose suffix names no format.

    Raises:
      errors.UserError: the name ends in none of the suffixes.
    """
    if output.suffix.lower() not in WRITERS:
        raise errors.UserError(
            f"--output is {output}; the name must end in one of {', '.join(WRITERS)}."
        )


def write(output: Path, parts: Sequence[str]) -> Counter[str]:
    """Writes the answers of all parts atomically and in their order.

    Memory holds one group of a part's rows, whatever the number of files.

    Args:
      output: its suffix selects the format.
      parts: the files that :class:`answering.Answerer` wrote, at least one.

    Returns:
      Reason → the number of files that have no answer because of it.
    """
    with atomic.replacing(output) as temporary:
        WRITERS[output.suffix.lower()](temporary, parts)
    reasons: Counter[str] = Counter()
    for part in parts:
        with read_parquet.opened(part, "answers") as found:
            column = found.read([answering.REASON])[answering.REASON]
        reasons.update(name for name in column.to_pylist() if name is not None)
    return reasons


def _csv(path: Path, parts: Sequence[str]) -> None:
    labels = schema.labels_of(schema.read_schema(parts[0]))
    # Excel recognises UTF-8 only with a byte order mark; other programs accept it.
    with path.open("w", encoding="utf-8", newline="") as file:
        header = [*TEXT_COLUMNS, *(f"{PROBABILITY_OF}{name}" for name in labels)]
        put = spreadsheet.writing(file, header)
        for row in _rows(parts):
            shares = row[schema.PROBABILITIES] if row[schema.VALID] else [None] * len(labels)
            put([*(row[name] for name in TEXT_COLUMNS), *shares])


def _jsonl(path: Path, parts: Sequence[str]) -> None:
    labels = schema.labels_of(schema.read_schema(parts[0]))
    with path.open("w", encoding="utf-8") as file:
        for row in _rows(parts):
            shown = {name: row[name] for name in TEXT_COLUMNS}
            if row[schema.VALID]:
                shares = row[schema.PROBABILITIES]
                shown[schema.PROBABILITIES] = dict(zip(labels, shares, strict=True))
            file.write(json.dumps(shown, ensure_ascii=False) + "\n")


def _parquet(path: Path, parts: Sequence[str]) -> None:
    with pq.ParquetWriter(path, schema.read_schema(parts[0])) as writer:
        for part in parts:
            with read_parquet.opened(part, "answers") as found:
                writer.write_table(found.read())


WRITERS: dict[str, Writer] = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}


def _rows(parts: Sequence[str]) -> Iterator[dict[str, Any]]:
    columns = [*TEXT_COLUMNS, schema.PROBABILITIES]
    for batch in schema.read_batches(parts, columns):
        for row in batch.to_pylist():
            name = row[schema.PATH].decode("utf-8", "surrogateescape")
            yield {**row, schema.PATH: folder.printable(name)}
