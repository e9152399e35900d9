"""Reads what a program wrote earlier: state, caches, artifacts, answers of processes.

A file may be empty, cut off, full of zero bytes after a power failure, huge, nested too deeply, of
another version or edited by hand. So only this module parses. A reader does one of three things:

    refuse       ReadError, in one sentence: the file, the problem, the remedy
    rebuild      for caches: the caller catches ReadError, logs it and continues without the file
    skip         for files of independent lines: bad ones are counted, and the count is logged

For lines see read_lines.py, for arrays read_arrays.py. Addresses with a scheme, such as
``gs://``, are read through TensorFlow; all others are local paths.
"""

import csv
import json
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any, TypeVar

import yaml

from data import errors

Made = TypeVar("Made")
Name = str | os.PathLike[str]
MAX_BYTES = 64 << 20
MAX_LIST_BYTES = 1 << 30  # of files with an entry for each image
STEP_AGAIN = "Run the step that wrote it again (--force STEP)."

# The exceptions of parsers and constructors on invalid content.
BROKEN = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    NotImplementedError,
    OSError,
    RecursionError,
    SyntaxError,
    TypeError,
    ValueError,
    csv.Error,
    struct.error,
    tokenize.TokenError,  # NumPy's, on damaged headers, from Python 3.12 on
    yaml.YAMLError,
    zipfile.BadZipFile,
    zlib.error,
)
_DETAIL_CHARACTERS = 300


class ReadError(errors.DataError):
    """A file or an answer that was read back is damaged, or not what was expected."""

    @classmethod
    def of(cls, what: str, problem: str, remedy: str = "") -> "ReadError":
        """Composes the message.

        Args:
          what: the kind and name of the file or answer.
          problem: its problem, which continues "cannot be used: ".
          remedy: what to do, in whole sentences.
        """
        return cls(f"The {what} cannot be used: {problem}. {remedy}".rstrip())


class AbsentError(ReadError):
    """The file does not exist."""


class BrokenError(ValueError):
    """A problem, which continues "cannot be used: "; raised by functions that make a result."""


@contextmanager
def reading(what: str, remedy: str = "") -> Iterator[None]:
    """Converts all exceptions that broken content raises inside to :class:`ReadError`.

    Args:
      what: the kind and name of the file or answer.
      remedy: what to do if it cannot be used, in whole sentences.
    """
    try:
        yield
    except ReadError:
        raise
    except FileNotFoundError as error:
        raise AbsentError.of(what, "there is no such file", remedy) from error
    except BROKEN as error:
        raise ReadError.of(what, _problem(error), remedy) from error


def _problem(error: BaseException) -> str:
    if isinstance(error, BrokenError):
        return str(error)
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deeply, or too large for the memory"
    if isinstance(error, json.JSONDecodeError):
        return f"it is no JSON, or a part of it is missing ({error})"
    if isinstance(error, UnicodeDecodeError):
        return f"it is no UTF-8 text ({error.reason} at byte {error.start})"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    if isinstance(error, KeyError):
        return f"it lacks {error}"
    detail = " ".join(str(error).split())[:_DETAIL_CHARACTERS]
    if isinstance(error, yaml.YAMLError):
        return f"it is no YAML ({detail})"
    return f"it holds something else than expected ({type(error).__name__}: {detail})"


def content(
    path: Name, what: str, remedy: str = "", limit: int = MAX_BYTES, may_be_empty: bool = False
) -> bytes:
    """Reads a file of at most ``limit`` bytes.

    Args:
      path: a local path, or an address that TensorFlow reads.
      what: the kind of file, for messages.
      remedy: what to do if it cannot be used, in whole sentences.
      limit: bytes above which it is refused unread.
      may_be_empty: whether an empty file is valid.

    Raises:
      AbsentError: there is no such file.
      ReadError: it is empty, too large, not a regular file, or the system refuses.
    """
    with reading(f"{what} {os.fspath(path)}", remedy):
        with _remote(path, limit) if "://" in os.fspath(path) else local(path, limit) as file:
            found = file.read(limit + 1)
        if len(found) > limit:
            raise BrokenError(f"it holds more than {limit:,} bytes, the most that are read")
        if not (found or may_be_empty):
            raise BrokenError("it is empty")
        if found and not found.strip(b"\0"):
            raise BrokenError("it holds nothing but zero bytes, as after a power failure")
        return found


def text(
    path: Name, what: str, remedy: str = "", limit: int = MAX_BYTES, may_be_empty: bool = False
) -> str:
    """Reads a UTF-8 text; see :func:`content`. Removes a byte-order mark."""
    found = content(path, what, remedy, limit, may_be_empty)
    with reading(f"{what} {os.fspath(path)}", remedy):
        return decoded(found)


def json_file(
    path: Name, what: str, make: Callable[[Any], Made], remedy: str = "", limit: int = MAX_BYTES
) -> Made:
    """Reads a JSON file.

    Args:
      path: a local path, or an address that TensorFlow reads.
      what: the kind of file, for messages.
      make: makes the result from the plain value; exceptions that it raises on unexpected content
        are reported as a fault of the file.
      remedy: what to do if it cannot be used, in whole sentences.
      limit: bytes above which it is refused unread.

    Raises:
      AbsentError: there is no such file.
      ReadError: it cannot be read, is not JSON, or has another content than expected.
    """
    found = content(path, what, remedy, limit)
    return from_json(found, f"{what} {os.fspath(path)}", make, remedy)


def from_json(given: str | bytes, what: str, make: Callable[[Any], Made], remedy: str = "") -> Made:
    """Parses JSON in memory, such as the answer of a process; ``what`` is its full name.

    Raises:
      ReadError: it is not JSON, or has another content than expected.
    """
    with reading(what, remedy):
        return make(json.loads(decoded(given)))


def yaml_file(path: Name, what: str, make: Callable[[Any], Made], remedy: str = "") -> Made:
    """Reads a YAML file; see :func:`json_file`."""
    return from_yaml(text(path, what, remedy), f"{what} {os.fspath(path)}", make, remedy)


def from_yaml(given: str, what: str, make: Callable[[Any], Made], remedy: str = "") -> Made:
    """Parses YAML in memory; see :func:`from_json`."""
    with reading(what, remedy):
        return make(yaml.safe_load(given))


def csv_rows(
    path: Name,
    what: str,
    make: Callable[[Iterator[list[str]]], Made],
    remedy: str = "",
    limit: int = MAX_LIST_BYTES,
) -> Made:
    """Reads a CSV file of the local disk, row by row.

    Args:
      path: the file.
      what: the kind of file, for messages.
      make: makes the result from all rows, the header first.
      remedy: what to do if it cannot be used, in whole sentences.
      limit: bytes above which it is refused unread.

    Raises:
      AbsentError: there is no such file.
      ReadError: it cannot be read, or has another content than expected.
    """
    with reading(f"{what} {os.fspath(path)}", remedy), local(path, limit) as file:
        return make(csv.reader((decoded(line) for line in file), strict=True))


def decoded(given: str | bytes) -> str:
    """Decodes UTF-8; removes a byte-order mark."""
    return given if isinstance(given, str) else given.decode("utf-8-sig")


@contextmanager
def local(path: Name, limit: int | None) -> Iterator[IO[bytes]]:
    """Opens a regular file of at most ``limit`` bytes; for use inside :func:`reading`."""
    # If a pipe has replaced the file, opening it must not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise BrokenError("it is no regular file")
        if limit is not None and status.st_size > limit:
            raise BrokenError(f"it holds {status.st_size:,} bytes; at most {limit:,} are read")
        yield file


@contextmanager
def _remote(path: Name, limit: int) -> Iterator[Any]:
    import tensorflow as tf

    try:
        size = tf.io.gfile.stat(os.fspath(path)).length
        if size > limit:
            raise BrokenError(f"it holds {size:,} bytes; at most {limit:,} are read")
        with tf.io.gfile.GFile(os.fspath(path), "rb") as file:
            yield file
    except tf.errors.NotFoundError as error:
        raise FileNotFoundError(str(error)) from error
    except tf.errors.OpError as error:
        raise OSError(error.message) from error
