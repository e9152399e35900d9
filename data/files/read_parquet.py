"""Reads Parquet files written earlier; the counterpart of read_back.py for tables."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from data.files import read_back

MAX_BYTES = 16 << 30


@contextmanager
def opened(path: str | os.PathLike[str], what: str, remedy: str = "") -> Iterator[pq.ParquetFile]:
    """Opens a Parquet file; of a local file, only the requested columns are read.

    Args:
      path: a local path, or an address that TensorFlow reads.
      what: the kind of file, for messages.
      remedy: what to do if it cannot be used, in whole sentences.

    Yields:
      The file. Exceptions that its content raises inside are reported as a fault of the file.

    Raises:
      read_back.AbsentError: there is no such file.
      read_back.ReadError: it is not Parquet, is cut off, too large or not a regular file.
    """
    place = os.fspath(path)
    with read_back.reading(f"{what} {place}", remedy):
        try:
            if "://" in place:
                whole = read_back.content(place, what, remedy, MAX_BYTES)
                yield pq.ParquetFile(pa.BufferReader(whole))
            else:
                with read_back.local(place, MAX_BYTES) as file:
                    yield pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) is not None:  # an error of the system
                raise
            detail = " ".join(str(error).split())[:200]
            raise read_back.BrokenError(f"it is no whole Parquet file ({detail})") from error
