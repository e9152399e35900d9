"""Writing a local file whole or not at all. TFRecord shards, which may be remote: records.py."""

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
    """Gives a temporary file to write, which takes the place of ``path`` when all went well.

    Its folder is made. Several processes may write the same file; the last one wins.

    Args:
      path: the file to replace.
      durable: whether it must outlast a power failure: file and folder are synchronised with the
        disk, which takes milliseconds. What can be made again does without.
      backup: whether what lay there before stays beside it, see :func:`backup_of`.

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
    """Where the version before the last one lies of a file that is replaced with ``backup``."""
    path = Path(path)
    return path.with_name(path.name + BACKUP_SUFFIX)


def remedy(path: str | Path, loss: str) -> str:
    """Says what to do with a damaged file that cannot be made again.

    Args:
      path: the file, which is written with a backup.
      loss: what would come of going on without it.
    """
    backup = backup_of(path)
    if backup.exists():
        return f"Copy {backup}, the version before it, over it. Do not delete it: {loss}."
    return f"Restore it from a backup of the output folder. Do not delete it: {loss}."


def _make_folder(folder: Path) -> list[Path]:
    """Makes a folder; returns those that got a new entry by it."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return [one.parent for one in missing]


def _keep(path: Path) -> None:
    """By a hard link, so that there is no moment without a file at ``path``."""
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
        # Where both names were of one file already, the rename did nothing.
        copy.unlink(missing_ok=True)


def _synchronise(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems know no synchronising of folders.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)
