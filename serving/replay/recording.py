"""Recorded images: those of a folder or of a file of requests, and the recorder that makes one.

A recorded file has a request of TensorFlow Serving's REST API in each line, as it can be sent
again::

    {"instances": [{"b64": "/9j/4AAQ…"}]}

It holds the images that users sent, whole: nothing is recorded unless asked for.
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
from serving.gateway import bounds, tfserving

MAX_IMAGE_BYTES = 64 << 20
MAX_LINE_BYTES = 96 << 20
DEFAULT_FRACTION = 0.01
DEFAULT_LIMIT_BYTES = 256 << 20


@dataclass(frozen=True)
class Recorded:
    """An image that can be asked about.

    Attributes:
      name: its path below the folder, or its line in the file.
      path: the file.
      offset: where the request begins in it, in bytes; None: the file is the image.
      index: the image's place in the request.
    """

    name: str
    path: Path
    offset: int | None = None
    index: int = 0

    def read(self) -> bytes:
        """The encoded image.

        Raises:
          OSError: it cannot be read, is too large, or is no regular file.
          ValueError: the line is no request.
        """
        if self.offset is None:
            return files.read(self.path, MAX_IMAGE_BYTES)
        with files.open_regular(self.path) as file:
            file.seek(self.offset)
            return _images(file.readline(MAX_LINE_BYTES))[self.index]


@dataclass(frozen=True)
class Unreadable:
    """What could not be read, and why."""

    name: str
    reason: str


def of_folder(root: Path) -> list[Recorded]:
    """The files of a folder and of those below it, sorted; hidden ones are left out.

    Raises:
      errors.UserError: there is no such folder, or nothing in it.
    """
    if not root.is_dir():
        raise errors.UserError(f"There is no folder {root}; --images is one with image files.")
    # A link that leads nowhere is no folder either: it will be told of.
    below = [path.relative_to(root) for path in root.rglob("*") if not path.is_dir()]
    names = sorted(path.as_posix() for path in below if not _hidden(path))
    if not names:
        raise errors.UserError(f"{root} holds no file; --images is a folder with image files.")
    return [Recorded(name, root / name) for name in names]


def of_file(path: Path) -> tuple[list[Recorded], list[Unreadable]]:
    """The images of a recorded file, and the lines that are no request.

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
        raise errors.UserError(f"{path} has no image in it{why}")
    return found, unreadable


def spread(found: Sequence[Recorded], limit: int) -> list[Recorded]:
    """At most ``limit`` of them, evenly over the whole."""
    count = min(limit, len(found))
    return [found[number * len(found) // count] for number in range(count)]


class Recorder:
    """Appends a share of the requests' images to a file, until it is full.

    What goes wrong is reported once and ends the recording; it never fails a request.

    Args:
      path: the file; made readable by its owner alone. It must be this user's own, and no link.
      fraction: of the requests, in 0–1.
      limit_bytes: the largest size of the file.
      report: is told, in one sentence, when the recording ends.

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
                if not _ends_a_line(file):  # a crash tore it
                    file.write(b"\n")
        except OSError as error:
            raise errors.UserError(
                f"--record {path} cannot be written: {error.strerror}."
            ) from error

    def takes(self) -> bool:
        """Whether the next request is to be recorded."""
        return self._on and random.random() < self._fraction  # noqa: S311

    def write(self, images: Sequence[bytes]) -> None:
        """Appends a request's images. May be called by several threads."""
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
    """The images of a line.

    Raises:
      ValueError: it is no request, or too long.
    """
    if len(line) == MAX_LINE_BYTES:
        raise ValueError(f"it is longer than {MAX_LINE_BYTES} bytes")
    most = bounds.Limits().max_json_values
    return tfserving.parse(line, client.IMAGE_INPUT, len(line), most).items


def _ends_a_line(file: BinaryIO) -> bool:
    size_bytes = file.seek(0, os.SEEK_END)
    file.seek(max(0, size_bytes - 1))
    return file.read() in (b"", b"\n")


def _line_name(number: int, index: int, count: int) -> str:
    return f"line {number}" if count == 1 else f"line {number}, image {index + 1}"


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)
