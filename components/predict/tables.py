"""The answers about a user's files as one file: CSV, JSON lines or Parquet.

In text, a file name whose bytes are no UTF-8 is shown escaped; Parquet has the bytes. CSV has no
embeddings.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.predict import answering, schema
from data import errors
from data.files import atomic, read_parquet, spreadsheet
from data.splits import folder

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
    """Refuses an output whose format is not known by its name.

    Raises:
      errors.UserError: it ends in none of the suffixes.
    """
    if output.suffix.lower() not in WRITERS:
        raise errors.UserError(
            f"--output is {output}; a name that ends in {', '.join(WRITERS)} is needed."
        )


def write(output: Path, parts: Sequence[str]) -> Counter[str]:
    """Writes the answers of all parts, in their order, whole or not at all.

    Memory holds a part's group of rows, whatever the number of files.

    Args:
      output: its suffix says the format.
      parts: what :class:`answering.Answerer` wrote, at least one.

    Returns:
      Reason → how many files have no answer because of it.
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
    # Excel takes UTF-8 for what it is only with a mark; others read it without harm.
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
