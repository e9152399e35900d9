"""Opens files at paths that a user gives, safely with links, pipes and other users' files.

Opening a pipe blocks until its other end opens, a device has no end, and appending through a link
changes its target. Functions raise ``OSError`` whose ``strerror`` completes a sentence.
"""

import errno
import os
import select
import stat
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

_SAFE = os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# How long a pipe, such as a shell's <(command), may take to reach its end.
PIPE_TIMEOUT_S = 10.0


def open_regular(path: Path) -> BinaryIO:
    """Opens a regular file for reading; follows links and never blocks.

    Raises:
      OSError: it cannot be opened, or is no regular file.
    """
    return _opened(path, os.O_RDONLY | _SAFE, "rb", _irregular)


def read(path: Path, most_bytes: int) -> bytes:
    """Reads a whole regular file.

    Raises:
      OSError: it cannot be read, is no regular file, or holds more than ``most_bytes``.
    """
    with open_regular(path) as file:
        size_bytes = os.fstat(file.fileno()).st_size
        content = file.read(most_bytes + 1) if size_bytes <= most_bytes else b""
    if max(size_bytes, len(content)) > most_bytes:
        why = f"It has {max(size_bytes, len(content))} bytes; allowed are {most_bytes}"
        raise OSError(errno.EFBIG, why, str(path))
    return content


def open_private(path: Path) -> BinaryIO:
    """Opens a file for reading and appending, creates it if missing, and makes it private (0600).

    The file must belong to this user and have no other name: a file that another user placed or
    linked there is not written to.

    Raises:
      OSError: it cannot be opened, or does not meet these conditions.
    """
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | _SAFE
    return _opened(path, flags, "a+b", _made_private)


def read_secret(path: Path, most_bytes: int) -> tuple[bytes, int]:
    """Reads a short file or a pipe, such as a shell's ``<(command)``, with a timeout.

    Returns:
      At most ``most_bytes``, and the file's mode.

    Raises:
      OSError: it cannot be read, or does not end within ``PIPE_TIMEOUT_S``.
    """
    descriptor = os.open(path, os.O_RDONLY | _SAFE)
    try:
        deadline = time.monotonic() + PIPE_TIMEOUT_S
        content = b""
        while len(content) < most_bytes:
            left_s = deadline - time.monotonic()
            if left_s <= 0 or not select.select([descriptor], [], [], left_s)[0]:
                why = f"It has not ended after {PIPE_TIMEOUT_S:g} s"
                raise OSError(errno.ETIMEDOUT, why, str(path))
            part = os.read(descriptor, most_bytes - len(content))
            if not part:
                break
            content += part
        return content, os.fstat(descriptor).st_mode
    finally:
        os.close(descriptor)


def write_whole(path: Path, text: str) -> None:
    """Writes a file atomically, and creates its folder if missing.

    An existing file is replaced, not written to; a link is replaced, not its target.

    Raises:
      OSError: it cannot be written.
    """
    _replace(path, text)


def require_writable(path: Path) -> None:
    """Checks that ``write_whole`` can write a file, without changing it.

    Raises:
      OSError: it cannot.
    """
    _replace(path, None)


def reason(error: OSError) -> str:
    """Returns an error's reason in words; for a copied tree, that of the first file that failed."""
    if error.strerror is None and error.args and isinstance(error.args[0], list):
        return str(error.args[0][0][-1])
    return error.strerror or str(error)


def _replace(path: Path, text: str | None) -> None:
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        with temporary.open("x", encoding="utf-8") as file:
            file.write(text or "")
        if text is not None:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _opened(path: Path, flags: int, mode: str, check: Callable[[int], str | None]) -> BinaryIO:
    """Opens a file; raises the reason that ``check`` returns before any read or write."""
    try:
        descriptor = os.open(path, flags, 0o600)
    except OSError as error:
        if error.errno == errno.ELOOP and flags & os.O_NOFOLLOW:
            raise OSError(errno.ELOOP, "A symbolic link", str(path)) from error
        raise
    try:
        why = check(descriptor)
        if why is not None:
            raise OSError(errno.EPERM, why, str(path))
        return cast(BinaryIO, os.fdopen(descriptor, mode))
    except BaseException:
        os.close(descriptor)
        raise


def _irregular(descriptor: int) -> str | None:
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISDIR(mode):
        return os.strerror(errno.EISDIR)
    return None if stat.S_ISREG(mode) else "Not a regular file"


def _made_private(descriptor: int) -> str | None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        return "Not a regular file"
    if status.st_uid != os.geteuid():
        return "Owned by another user"
    if status.st_nlink > 1:
        return "A file with several names (hard links)"
    os.fchmod(descriptor, 0o600)
    return None
