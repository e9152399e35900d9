"""Reads files of JSON lines that were written earlier, each line independently.

A line may be cut off, zero bytes, of another version, or anything else: it is skipped, and the
number of skipped lines is logged. Only the current line is in memory.
"""

import functools
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO, Any, TypeVar, get_args

from data.files import read_back

Made = TypeVar("Made")
Row = TypeVar("Row", bound=tuple)
MAX_LINE_BYTES = 1 << 20
_MAX_SKIPPED_BYTES = 64 << 20
_TYPES: dict[Any, tuple[type, ...]] = {float: (float, int)}


def lines(
    path: read_back.Name,
    what: str,
    make: Callable[[Any], Made],
    limit: int | None = None,
) -> Iterator[Made]:
    """Reads a file of JSON lines; counts and skips invalid ones.

    Args:
      path: a local file.
      what: the kind of file, for the log.
      make: makes a row from the plain value; an exception marks the line as bad.
      limit: bytes to read at the end of a larger file; None: all.

    Yields:
      The rows; none if there is no such file.
    """
    where = f"{what} {os.fspath(path)}"
    try:
        with read_back.reading(where, ""), read_back.local(path, None) as file:
            size = os.fstat(file.fileno()).st_size
            if limit is not None and size > limit:
                file.seek(size - limit)
                file.readline(MAX_LINE_BYTES)  # the rest of a line
            yield from _rows(_bounded(file), where, make)
    except read_back.AbsentError:
        return
    except read_back.ReadError as error:
        logging.warning("%s", error)


def _bounded(file: IO[bytes]) -> Iterator[bytes]:
    """Yields the lines of a file; of a line that is too long, its beginning."""
    while line := file.readline(MAX_LINE_BYTES):
        yield line
        start = file.tell()
        while line and not line.endswith(b"\n"):
            if file.tell() - start > _MAX_SKIPPED_BYTES:
                raise read_back.BrokenError("a line of it has no end; the rest is skipped")
            line = file.readline(MAX_LINE_BYTES)


def _rows(found: Iterable[bytes], where: str, make: Callable[[Any], Made]) -> Iterator[Made]:
    bad = 0
    for line in found:
        # After a power failure zero bytes may replace a line, before the next one.
        kept = line.strip(b"\0\r\n\t ")
        if not kept:
            bad += b"\0" in line
            continue
        try:
            row = make(json.loads(read_back.decoded(kept)))
        except read_back.BROKEN:
            bad += 1
            continue
        yield row
    if bad:
        logging.warning("In the %s, %d lines are damaged and were skipped.", where, bad)


def typed(kind: type[Row], values: Sequence[Any]) -> Row:
    """Makes a named tuple from plain values, which must have the types of its annotations.

    Raises:
      TypeError: there are more or fewer values, or one has another type.
    """
    row = kind(*values)
    found = tuple(map(type, row))
    if found not in _seen(kind):  # of a million rows, nearly all have the types of an earlier one
        for value, types in zip(row, _types(kind), strict=True):
            if type(value) not in types:
                raise TypeError(f"{value!r:.100} in a {kind.__name__}")
        _seen(kind).add(found)
    return row


@functools.cache
def _seen(kind: type[tuple]) -> set[tuple[type, ...]]:
    """Returns the combinations of types that were found right; there are few."""
    return set()


@functools.cache
def _types(kind: type[tuple]) -> list[tuple[type, ...]]:
    # The members of X | None are X and the type of None.
    members = [get_args(one) or (one,) for one in kind.__annotations__.values()]
    return [tuple(t for one in row for t in _TYPES.get(one, (one,))) for row in members]
