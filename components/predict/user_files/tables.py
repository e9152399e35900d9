"""Writes the answers about a user's files as one file: CSV, JSON lines or Parquet.

In text, a file name that is not UTF-8 is escaped; Parquet has its bytes. CSV has no embeddings.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from components.predict.user_files import answering
from data import errors
from data.files import atomic, read_parquet, spreadsheet
from data.splits import folder
from tasks.facets import judging
from tasks.predictions import schema

Writer = Callable[[Path, Sequence[str], judging.Answers], None]


def columns(answers: judging.Answers) -> tuple[str, ...]:
    """Returns the columns of texts in order; what the model answered of each class follows."""
    about = (schema.OUTLIER, schema.OUTLIER_SCORE, schema.SHA256)
    seen = (schema.VALID, answering.REASON, answering.DETAIL)
    return (schema.PATH, *answers.shown, *seen, *about)


def check(output: Path) -> None:
    """Refuses an output whose suffix names no format.

    Raises:
      errors.UserError: the name ends in none of the suffixes.
    """
    if output.suffix.lower() not in WRITERS:
        raise errors.UserError(
            f"--output is {output}; the name must end in one of {', '.join(WRITERS)}."
        )


def write(output: Path, parts: Sequence[str], answers: judging.Answers) -> Counter[str]:
    """Writes the answers of all parts atomically and in their order.

    Memory holds one group of a part's rows, whatever the number of files.

    Args:
      output: its suffix selects the format.
      parts: the files that :class:`answering.Answerer` wrote, at least one.
      answers: the task's.

    Returns:
      Reason → the number of files that have no answer because of it.
    """
    with atomic.replacing(output) as temporary:
        WRITERS[output.suffix.lower()](temporary, parts, answers)
    reasons: Counter[str] = Counter()
    for part in parts:
        with read_parquet.opened(part, "answers") as found:
            column = found.read([answering.REASON])[answering.REASON]
        reasons.update(name for name in column.to_pylist() if name is not None)
    return reasons


def _csv(path: Path, parts: Sequence[str], answers: judging.Answers) -> None:
    labels = schema.labels_of(schema.read_schema(parts[0]))
    shown = columns(answers)
    # Excel recognises UTF-8 only with a byte order mark; other programs accept it.
    with path.open("w", encoding="utf-8", newline="") as file:
        put = spreadsheet.writing(file, [*shown, *answers.header(labels)])
        for row in _rows(parts, answers):
            seen = row if row[schema.VALID] else None
            cells = (_text(row[name]) for name in shown)
            put([*cells, *answers.cells(seen, labels)])


def _jsonl(path: Path, parts: Sequence[str], answers: judging.Answers) -> None:
    labels = schema.labels_of(schema.read_schema(parts[0]))
    with path.open("w", encoding="utf-8") as file:
        for row in _rows(parts, answers):
            shown = {name: row[name] for name in columns(answers)}
            if row[schema.VALID]:
                shown |= answers.named(row, labels)
            file.write(json.dumps(shown, ensure_ascii=False) + "\n")


def _parquet(path: Path, parts: Sequence[str], answers: judging.Answers) -> None:
    with pq.ParquetWriter(path, schema.read_schema(parts[0])) as writer:
        for part in parts:
            with read_parquet.opened(part, "answers") as found:
                writer.write_table(found.read())


WRITERS: dict[str, Writer] = {".csv": _csv, ".jsonl": _jsonl, ".parquet": _parquet}


def _rows(parts: Sequence[str], answers: judging.Answers) -> Iterator[dict[str, Any]]:
    for batch in schema.read_batches(parts, [*columns(answers), *answers.answer]):
        for row in batch.to_pylist():
            name = row[schema.PATH].decode("utf-8", "surrogateescape")
            yield {**row, schema.PATH: folder.printable(name)}


def _text(value: Any) -> Any:
    """Returns a value for a cell; a list as JSON, since any separator may be part of a name."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value
