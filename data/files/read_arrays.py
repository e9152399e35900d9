"""Reads NumPy files written earlier; the counterpart of read_back.py for arrays."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from data.files import read_back

Made = TypeVar("Made")
MAX_BYTES = 16 << 30


def array(path: str | os.PathLike[str], what: str, remedy: str = "") -> np.ndarray:
    """Maps the array of an ``.npy`` file into memory, read-only.

    Raises:
      read_back.AbsentError: there is no such file.
      read_back.ReadError: it is not one, holds objects, or is shorter than its header states.
    """
    with read_back.reading(f"{what} {os.fspath(path)}", remedy):
        with read_back.local(path, MAX_BYTES):  # a regular file of an allowed size
            found = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(found, np.ndarray):
            found.close()
            raise read_back.BrokenError("it holds several arrays; one is expected")
        return found


def arrays(
    path: str | os.PathLike[str], what: str, make: Callable[[Any], Made], remedy: str = ""
) -> Made:
    """Reads an ``.npz`` file.

    Args:
      path: a local file.
      what: the kind of file, for messages.
      make: makes the result from a mapping of names to arrays.
      remedy: what to do if it cannot be used, in whole sentences.

    Raises:
      read_back.AbsentError: there is no such file.
      read_back.ReadError: it is not one, holds objects, would take too much memory, or has another
        content than expected.
    """
    # NumPy leaves a file open that it opened itself and that is not an archive.
    with (
        read_back.reading(f"{what} {os.fspath(path)}", remedy),
        read_back.local(path, MAX_BYTES) as file,
    ):
        found = np.load(file, allow_pickle=False)
        if isinstance(found, np.ndarray):
            raise read_back.BrokenError(
                "it holds a single array; an archive of several is expected"
            )
        with found as stored:
            size = sum(member.file_size for member in stored.zip.infolist())
            if size > MAX_BYTES:
                raise read_back.BrokenError(f"its arrays would take {size:,} bytes of memory")
            return make(stored)
