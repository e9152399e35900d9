"""Reads files of a user's folder: no devices, nothing above a size bound, nothing outside."""

import os
import stat
from pathlib import Path

from data.images import decode


def read(root: str, path: str, max_bytes: int) -> bytes | decode.Rejection:
    """Reads a file; refuses pipes, devices and links out of the root without opening them.

    Args:
      root: the data folder.
      path: of the file, relative to the root.
      max_bytes: the size above which it is not read.
    """
    full = os.path.join(root, path)
    try:
        status = os.lstat(full)
        if stat.S_ISLNK(status.st_mode):
            if not Path(os.path.realpath(full)).is_relative_to(os.path.realpath(root)):
                return decode.Rejection("link_outside")
            if os.path.isdir(full):
                return decode.Rejection("link_to_folder")
            status = os.stat(full)
        if stat.S_ISDIR(status.st_mode):
            return decode.Rejection("unreadable", "a folder that cannot be listed")
        if not stat.S_ISREG(status.st_mode):
            return decode.Rejection("not_a_file")
        if status.st_size > max_bytes:
            return decode.Rejection("too_many_bytes", f"{status.st_size} bytes")
        # If a pipe has replaced the file meanwhile, opening it must not block.
        descriptor = os.open(full, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return _read_all(descriptor, status.st_size, max_bytes)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return decode.Rejection("not_a_file", "a broken link, or the file has gone")
    except OSError as error:
        return decode.Rejection("unreadable", error.strerror or str(error))


def _read_all(descriptor: int, size_bytes: int, max_bytes: int) -> bytes:
    """Reads to the end, which the reported size gives in all but odd cases."""
    content = os.read(descriptor, size_bytes + 1)
    if len(content) == size_bytes:
        return content
    parts = [content]
    while part := os.read(descriptor, max_bytes + 1 - sum(map(len, parts))):
        parts.append(part)
    return b"".join(parts)
