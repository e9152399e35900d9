"""Reading Parquet files that were written earlier; what read_back.py is for text."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from data.files import read_back

MAX_BYTES = 16 << 30


@contextmanager
def opened(path: str | os.PathLike[str], what: str, remedy: str = "") -> Iterator[pq.ParquetFile]:
    """Opens a Parquet file; of a local one, only the columns that are asked for are read.

    Args:
      path: a local path, or an address that TensorFlow reads.
      what: the kind of file, for messages.
      remedy: what to do where it cannot be used, in whole sentences.

    Yields:
      The file. What its content raises inside is told as a fault of the file.

    Raises:
      read_back.AbsentError: there is no such file.
      read_back.ReadError: it is none, is torn, too large or no regular file.
    """
    place = os.fspath(path)
    with read_back.told(f"{what} {place}", remedy):
        try:
            if "://" in place:
                whole = read_back.content(place, what, remedy, MAX_BYTES)
                yield pq.ParquetFile(pa.BufferReader(whole))
            else:
                with read_back.local(place, MAX_BYTES) as file:
                    yield pq.ParquetFile(file)
        except (pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) is not None:  # the system's own
                raise
            detail = " ".join(str(error).split())[:200]
            raise read_back.BrokenError(f"it is no whole Parquet file ({detail})") from error
