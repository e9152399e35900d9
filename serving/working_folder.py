"""The temporary folder of a running server, and cleaning up after killed servers.

    TMPDIR/image-serving-k3v9x_2a/
      lock          held for as long as the server runs
      triton.log    Triton's log; kept after a failure
      triton/       the model repository: see triton/repository.py
      rest.sock     Triton's own REST
      grpc.sock:1   gRPC, if it has no TCP port

The name contains no user input, because Triton passes names to a shell. Only this user can enter it.
"""

import contextlib
import fcntl
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from serving import errors, files

_PREFIX = "image-serving-"
_NAME = re.compile(_PREFIX + "[a-z0-9_]{8}")
_LOCK = "lock"
REPOSITORY = "triton"
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108


@contextlib.contextmanager
def made() -> Iterator[Path]:
    """Creates the folder and removes it at the end of the block; keeps the log after a failure.

    Raises:
      errors.UserError: it cannot be created, for example because the disk is full.
    """
    _clean()
    try:
        root = Path(tempfile.mkdtemp(prefix=_PREFIX))
    except OSError as error:
        raise errors.UserError(
            f"No temporary folder can be created: {error.strerror}; set TMPDIR to another place."
        ) from error
    failed = True
    try:
        with _lock(root):
            yield root
        failed = False
    except errors.UserError:
        failed = False
        raise
    finally:
        _remove(root, failed)


def shared_memory_prefix(root: Path) -> str:
    """Returns the prefix of the names of the server's regions in /dev/shm."""
    return f"{root.name}-"


@contextlib.contextmanager
def short(root: Path) -> Iterator[Path]:
    """Yields a short path to the folder, because a Unix socket's path has at most 107 bytes."""
    descriptor = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


def unusable(root: Path, error: OSError) -> errors.UserError:
    """Returns the error of a folder that cannot be written."""
    return errors.UserError(
        f"The temporary folder {root} cannot be written: {files.reason(error)}. Set TMPDIR to"
        " another place."
    )


def _remove(root: Path, keep_log: bool) -> None:
    shutil.rmtree(root / REPOSITORY, ignore_errors=True)
    for path in SHARED_MEMORY.glob(f"{shared_memory_prefix(root)}*"):
        with contextlib.suppress(OSError):
            path.unlink()
    if not keep_log or not any(root.glob("*.log")):
        shutil.rmtree(root, ignore_errors=True)
        return
    # Without its lock the folder counts neither as a running server's nor as a killed one's.
    for path in root.iterdir():
        if path.suffix != ".log":
            path.unlink(missing_ok=True)


def _lock(root: Path) -> TextIO:
    """Marks a folder as a running server's; the lock ends with the process, however it ends."""
    try:
        file = (root / "new").open("x")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # So no other process ever sees it unlocked under this name.
        os.replace(root / "new", root / _LOCK)
    except OSError as error:
        raise unusable(root, error) from error
    return file


def _clean() -> None:
    """Removes the folders that killed servers of this user left behind."""
    try:
        folders = sorted(Path(tempfile.gettempdir()).iterdir())
    except OSError:
        return
    for folder in folders:
        if _NAME.fullmatch(folder.name):
            # It may be another user's, already removed, or a running server's.
            with contextlib.suppress(OSError):
                _clean_one(folder)


def _clean_one(folder: Path) -> None:
    status = folder.lstat()
    is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
    if not is_own or stat.S_IMODE(status.st_mode) != 0o700:
        return
    descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _remove(folder, keep_log=False)
    finally:
        os.close(descriptor)
