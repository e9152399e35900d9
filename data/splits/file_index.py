"""What is known of every file of a data folder, so that only new ones are decoded again.

A file is known by its path, size and modification time, as by git and make; a file that was
moved is known by its content. The index is written beside the artifacts, one JSON object a line;
a decoder's finds are appended to files of their own as they come, so that an ingest that was
killed goes on where it was.
"""

import json
import re
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from data.files import atomic, read_lines
from data.images import decode, decoder_process
from data.splits import folder

INDEX_FILE = "index.jsonl"
_PENDING = "pending"
_SHA256 = re.compile("([0-9a-f]{64})?")
# Another time the file may be read after all: these are not kept.
PASSING_REASONS = frozenset(
    {"unreadable", "too_slow", "decoder_crashed", "changed", "extra_not_installed"}
)


class _File(NamedTuple):
    path: str
    size_bytes: int
    modified_ns: int


class Row(NamedTuple):
    """What is known of one file.

    Attributes:
      path: relative to the data folder.
      size_bytes, modified_ns: of the file when it was read.
      sha256: of its bytes, in hex; empty where it could not be read.
      result: what is known of the image, or why it is of no use.
    """

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str
    result: decode.ImageInfo | decode.Rejection

    def to_json(self) -> str:
        """The row as a line."""
        return json.dumps(self)

    @classmethod
    def of(cls, found: Sequence[Any]) -> "Row":
        """Makes a row of what :meth:`to_json` wrote, parsed.

        Raises:
          TypeError, ValueError: it is none.
        """
        *file, sha256, raw = found
        is_bad = len(raw) == len(decode.Rejection._fields)
        result = (
            read_lines.typed(decode.Rejection, raw)
            if is_bad
            else decoder_process.info_from_json(raw)
        )
        read_lines.typed(_File, file)
        if not _SHA256.fullmatch(sha256):
            raise ValueError("no digest")
        return cls._make([*file, sha256, result])

    def describes(self, file: folder.ImageFile) -> bool:
        """Whether a file is unchanged since."""
        return (self.size_bytes, self.modified_ns) == (file.size_bytes, file.modified_ns)


def load(directory: str | Path) -> dict[str, Row]:
    """Reads an index and what was appended since; path → row.

    Damaged lines are passed over, and how many is logged: their files are decoded again.
    """
    directory = Path(directory)
    rows = {}
    pending = sorted((directory / _PENDING).glob("*.jsonl"))
    for path in [directory / INDEX_FILE, *pending]:
        for row in read_lines.lines(path, "index of decoded files", Row.of):
            rows[row.path] = row
    return rows


def append(directory: str | Path, rows: Iterable[Row]) -> None:
    """Adds rows to an index; safe from many processes at once."""
    path = Path(directory, _PENDING, f"{time.time_ns():020d}-{uuid.uuid4().hex}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(row.to_json() + "\n" for row in rows)


def save(directory: str | Path, rows: Iterable[Row]) -> None:
    """Replaces an index by these rows, whole or not at all; passing failures are left out."""
    directory = Path(directory)
    with (
        atomic.replacing(directory / INDEX_FILE) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        for row in rows:
            passing = isinstance(row.result, decode.Rejection)
            if not (passing and row.result.reason in PASSING_REASONS):  # type: ignore[union-attr]
                file.write(row.to_json() + "\n")
    for path in (directory / _PENDING).glob("*.jsonl"):
        path.unlink()
