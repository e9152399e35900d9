"""Writes what a model answers in files of their own, such as masks, beside a table of answers."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from data.files import atomic
from tasks.predictions import schema


def folder(output: Path, column: str) -> Path:
    """Returns the folder of a column's files: beside the table, ``answers_mask`` for answers.csv."""
    return output.with_name(f"{output.stem}_{column}")


def write(output: Path, parts: Sequence[str], attached: Mapping[str, str]) -> int:
    """Writes a file for each answer that is not empty.

    A file has the path of its image below the folder, so that images of one name in two folders have
    two. Memory holds one group of rows.

    Args:
      output: the table.
      parts: the Parquet files with the answers.
      attached: column → suffix of its files.

    Returns:
      The number of files.
    """
    count = 0
    for column, suffix in attached.items():
        for batch in schema.read_batches(parts, (schema.PATH, column), rows=64):
            for row in batch.to_pylist():
                if row[column]:
                    path = folder(output, column) / f"{_below(row[schema.PATH])}{suffix}"
                    with atomic.replacing(path) as temporary:
                        temporary.write_bytes(row[column])
                    count += 1
    return count


def _below(path: bytes) -> str:
    """Returns an image's path as one below a folder: without a root and steps upwards."""
    names = os.fsdecode(path).split("/")
    return "/".join(name for name in names if name not in ("", ".", ".."))
