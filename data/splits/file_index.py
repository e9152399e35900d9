"""The index: the decoded properties of every file, so that only new files are decoded.

A file is identified by path, size and modification time, as in git and make; a moved file is
identified by its content. The index is written beside the artifacts, one JSON object a line; a
decoder's results are appended to separate files as they come, so that a killed ingest resumes
where it was.
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
# The file may be readable another time: these results are not kept.
TRANSIENT_REASONS = frozenset(
    {"unreadable", "too_slow", "decoder_crashed", "changed", "extra_not_installed"}
)


class _File(NamedTuple):
    path: str
    size_bytes: int
    modified_ns: int


class Row(NamedTuple):
    """The properties of one file.

    Attributes:
      path: relative to the data folder.
      size_bytes, modified_ns: of the file when it was read.
      sha256: of its bytes, in hex; empty if it could not be read.
      result: the properties of the image, or the reason for its rejection.
    """

    path: str
    size_bytes: int
    modified_ns: int
    sha256: str
    result: decode.ImageInfo | decode.Rejection

    def to_json(self) -> str:
        """Returns the row as a line."""
        return json.dumps(self)

    @classmethod
    def of(cls, found: Sequence[Any]) -> "Row":
        """Makes a row from the parsed result of :meth:`to_json`.

        Raises:
          TypeError, ValueError: it is not a row.
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
        """Returns whether a file is unchanged since this row."""
        return (self.size_bytes, self.modified_ns) == (file.size_bytes, file.modified_ns)


def load(directory: str | Path) -> dict[str, Row]:
    """Reads an index and the rows appended since; path → row.

    Skips damaged lines and logs their number: these files are decoded again.
    """
    directory = Path(directory)
    rows = {}
    pending = sorted((directory / _PENDING).glob("*.jsonl"))
    for path in [directory / INDEX_FILE, *pending]:
        for row in read_lines.lines(path, "index of decoded files", Row.of):
            rows[row.path] = row
    return rows


def append(directory: str | Path, rows: Iterable[Row]) -> None:
    """Appends rows to an index; safe for many processes at once."""
    path = Path(directory, _PENDING, f"{time.time_ns():020d}-{uuid.uuid4().hex}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(row.to_json() + "\n" for row in rows)


def save(directory: str | Path, rows: Iterable[Row]) -> None:
    """Replaces an index atomically by these rows; leaves out transient failures."""
    directory = Path(directory)
    with (
        atomic.replacing(directory / INDEX_FILE) as temporary,
        temporary.open("w", encoding="utf-8") as file,
    ):
        for row in rows:
            rejected = isinstance(row.result, decode.Rejection)
            if not (rejected and row.result.reason in TRANSIENT_REASONS):  # type: ignore[union-attr]
                file.write(row.to_json() + "\n")
    for path in (directory / _PENDING).glob("*.jsonl"):
        path.unlink()
