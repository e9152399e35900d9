"""Atomic writes of local files. For TFRecord shards, which may be remote, see records.py."""

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BACKUP_SUFFIX = ".previous"


@contextmanager
def replacing(path: str | Path, durable: bool = False, backup: bool = False) -> Iterator[Path]:
    """Yields a temporary file to write, which replaces ``path`` if no error occurs.

    Creates its folder. Several processes may write the same file; the last one wins.

    Args:
      path: the file to replace.
      durable: whether it must survive a power failure: file and folder are synchronised with the
        disk, which takes milliseconds. Files that can be made again do not need it.
      backup: whether the previous version is kept beside it, see :func:`backup_of`.

    Yields:
      The path to write to.
    """
    path = Path(path)
    made = _make_folder(path.parent)
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield temporary
        if durable:
            _synchronise(temporary)
        if backup:
            _keep(path)
        os.replace(temporary, path)
        if durable:
            for folder in [path.parent, *made]:
                _synchronise(folder)
    finally:
        temporary.unlink(missing_ok=True)


def backup_of(path: str | Path) -> Path:
    """Returns the path of the previous version of a file that is written with ``backup``."""
    path = Path(path)
    return path.with_name(path.name + BACKUP_SUFFIX)


def remedy(path: str | Path, loss: str) -> str:
    """Returns advice on a damaged file that cannot be made again.

    Args:
      path: the file, which is written with a backup.
      loss: the consequence of continuing without it.
    """
    backup = backup_of(path)
    if backup.exists():
        return f"Copy {backup}, the version before it, over it. Do not delete it: {loss}."
    return f"Restore it from a backup of the output folder. Do not delete it: {loss}."


def _make_folder(folder: Path) -> list[Path]:
    """Creates a folder; returns the folders that got a new entry."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [one.parent for one in missing]


def _keep(path: Path) -> None:
    """Keeps the previous version by a hard link, so that ``path`` exists at every moment."""
    copy = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        try:
            os.link(path, copy)
        except FileNotFoundError:
            return
        except OSError:  # a file system without links
            shutil.copy2(path, copy)
        os.replace(copy, backup_of(path))
    finally:
        # If both names already referred to one file, the rename did nothing.
        copy.unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot synchronise folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
