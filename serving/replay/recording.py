"""Recorded images: reads them from a folder or a file of requests, and records such files.

Each line of a recorded file is a request of TensorFlow Serving's REST API that can be sent again::

    {"instances": [{"b64": "/9j/4AAQ…"}]}

It contains the complete images that users sent, so nothing is recorded by default.
"""

import base64
import json
import os
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from serving import errors, files
from serving.client import client
from serving.gateway import bounds, tfserving_format

MAX_IMAGE_BYTES = 64 << 20
MAX_LINE_BYTES = 96 << 20
DEFAULT_FRACTION = 0.01
DEFAULT_LIMIT_BYTES = 256 << 20


@dataclass(frozen=True)
class Recorded:
    """A recorded image.

    Attributes:
      name: its path below the folder, or its line in the file.
      path: the file.
      offset: the byte offset of the request in the file; None: the file is the image.
      index: the image's index in the request.
    """

    name: str
    path: Path
    offset: int | None = None
    index: int = 0

    def read(self) -> bytes:
        """Returns the encoded image.

        Raises:
          OSError: it cannot be read, is too large, or is not a regular file.
          ValueError: the line is not a request.
        """
        if self.offset is None:
            return files.read(self.path, MAX_IMAGE_BYTES)
        with files.open_regular(self.path) as file:
            file.seek(self.offset)
            return _images(file.readline(MAX_LINE_BYTES))[self.index]


@dataclass(frozen=True)
class Unreadable:
    """An image or a line that cannot be read, and why."""

    name: str
    reason: str


def of_folder(root: Path) -> list[Recorded]:
    """Returns the files of a folder and its subfolders, sorted, without hidden ones.

    Raises:
      errors.UserError: there is no such folder, or it is empty.
    """
    if not root.is_dir():
        raise errors.UserError(f"There is no folder {root}; --images is a folder with image files.")
    # A broken link is not a folder either: it will be reported as unreadable.
    below = [path.relative_to(root) for path in root.rglob("*") if not path.is_dir()]
    names = sorted(path.as_posix() for path in below if not _hidden(path))
    if not names:
        raise errors.UserError(f"{root} contains no files; --images is a folder with image files.")
    return [Recorded(name, root / name) for name in names]


def of_file(path: Path) -> tuple[list[Recorded], list[Unreadable]]:
    """Returns the images of a recorded file, and the lines that are not requests.

    Raises:
      errors.UserError: it cannot be read, or has no image.
    """
    found: list[Recorded] = []
    unreadable: list[Unreadable] = []
    try:
        with files.open_regular(path) as file:
            offset, number = 0, 0
            while line := file.readline(MAX_LINE_BYTES):
                number += 1
                try:
                    count = len(_images(line)) if line.strip() else 0
                except ValueError as error:
                    unreadable.append(Unreadable(f"line {number}", str(error)))
                    count = 0
                found += [
                    Recorded(_line_name(number, index, count), path, offset, index)
                    for index in range(count)
                ]
                offset += len(line)
    except OSError as error:
        raise errors.UserError(f"--recorded {path} cannot be read: {error.strerror}.") from error
    if not found:
        why = f"; {unreadable[0].name}: {unreadable[0].reason}" if unreadable else ""
        raise errors.UserError(f"{path} contains no images{why}")
    return found, unreadable


def spread(found: Sequence[Recorded], limit: int) -> list[Recorded]:
    """Returns at most ``limit`` of the images, spread evenly over the set."""
    count = min(limit, len(found))
    return [found[number * len(found) // count] for number in range(count)]


class Recorder:
    """Appends the images of a fraction of the requests to a file, until it is full.

    An error is reported once and stops the recording; it never fails a request.

    Args:
      path: the file; it becomes private (0600). It must belong to this user and not be a link.
      fraction: the fraction of requests to record, in 0–1.
      limit_bytes: the maximum size of the file.
      report: receives one sentence when the recording stops.

    Raises:
      errors.UserError: the file cannot be written.
    """

    def __init__(
        self, path: Path, fraction: float, limit_bytes: int, report: Callable[[str], None]
    ) -> None:
        self._path = path
        self._fraction = fraction
        self._limit_bytes = limit_bytes
        self._report = report
        self._lock = threading.Lock()
        self._on = True
        try:
            with files.open_private(path) as file:
                if not _ends_a_line(file):  # after a crash
                    file.write(b"\n")
        except OSError as error:
            raise errors.UserError(
                f"--record {path} cannot be written: {error.strerror}."
            ) from error

    def takes(self) -> bool:
        """Returns whether to record the next request."""
        return self._on and random.random() < self._fraction  # noqa: S311

    def write(self, images: Sequence[bytes]) -> None:
        """Appends a request's images; safe for several threads."""
        instances = [{"b64": base64.b64encode(image).decode()} for image in images]
        line = json.dumps({"instances": instances}).encode() + b"\n"
        with self._lock:
            if not self._on:
                return
            try:
                with files.open_private(self._path) as file:
                    size_bytes = os.fstat(file.fileno()).st_size
                    if size_bytes + len(line) <= self._limit_bytes:
                        file.write(line)
                        return
                    why = f"has {size_bytes} bytes, and --record-limit-bytes is {self._limit_bytes}"
            except OSError as error:
                why = f"cannot be written: {error.strerror}"
            self._on = False
        self._report(f"{self._path} {why}; no more is recorded.")


def _images(line: bytes) -> list[bytes]:
    """Parses the images of a line.

    Raises:
      ValueError: it is not a request, or too long.
    """
    if len(line) == MAX_LINE_BYTES:
        raise ValueError(f"it is longer than {MAX_LINE_BYTES} bytes")
    most = bounds.Limits().max_json_values
    return tfserving_format.parse(line, client.IMAGE_INPUT, len(line), most).items


def _ends_a_line(file: BinaryIO) -> bool:
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, size_bytes - 1))
    return file.read() in (b"", b"\n")


def _line_name(number: int, index: int, count: int) -> str:
    return f"line {number}" if count == 1 else f"line {number}, image {index + 1}"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
