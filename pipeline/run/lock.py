"""The lock that allows one run at a time in an output folder.

The lock is the operating system's (flock), so it vanishes with the process of a killed run and is
never stale. The content of the lock file is only used in messages.
"""

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path

import filelock
import pydantic

from data import errors
from data.files import read_back
from pipeline import output_folder

ANNOUNCE_INTERVAL_S = 20.0


class OutputBusyError(errors.UserError):
    """Another run uses the output folder."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h: the same command may succeed later


class Holder(pydantic.BaseModel):
    """The holder of a lock."""

    model_config = pydantic.ConfigDict(extra="ignore", frozen=True)

    run_id: str
    pid: int
    host: str
    started: str  # ISO 8601, UTC

    def __str__(self) -> str:
        if self.host == socket.gethostname() and not _lives(self.pid):
            return f"what run {self.run_id} left behind (its process {self.pid} is gone)"
        return f"run {self.run_id} (process {self.pid} on {self.host}, since {self.started})"


@contextlib.contextmanager
def held(
    output: Path, run_id: str, wait_s: float = 0.0, announce: Callable[[str], None] = print
) -> Iterator[None]:
    """Holds the lock of an output folder.

    Args:
      output: the folder; it must exist.
      run_id: the name of the run, for messages to others.
      wait_s: how long to wait for another run, in seconds.
      announce: called with a line when waiting begins, and while it lasts.

    Raises:
      OutputBusyError: another run held the lock all that time.
      errors.UserError: the file system has no locks.
    """
    path = output_folder.OutputFolder(output).lock

    def introduce(descriptor: int) -> None:
        with contextlib.suppress(OSError):  # a full disk: the lock works without a text
            os.ftruncate(descriptor, 0)  # a killed run leaves its own text, which may be longer
            os.write(descriptor, _me(run_id).model_dump_json().encode())

    lock = filelock.FileLock(path, fallback_to_soft=False, on_acquired=introduce)
    try:
        _acquire(lock, path, wait_s, announce)
    except OSError as error:
        raise errors.UserError(
            f"The output folder {output} cannot be locked: {error.strerror or error}."
            " Choose an --output-dir on a disk with file locks."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(
    lock: filelock.BaseFileLock, path: Path, wait_s: float, announce: Callable[[str], None]
) -> None:
    deadline = time.monotonic() + wait_s
    pause_s = 0.0
    while True:
        try:
            lock.acquire(timeout=pause_s)
            return
        except filelock.Timeout as error:
            holder, left_s = _holder(path), deadline - time.monotonic()
            if left_s <= 0:
                waited = f" still, after {wait_s:g} s" if wait_s else ""
                raise OutputBusyError(
                    f"The output folder {path.parent} is in use{waited}, by {holder}. Wait for it"
                    " (--run.wait-for-lock-s), or choose another --output-dir."
                ) from error
            announce(f"waiting for {holder}, at most {left_s:.0f} s more …")
            pause_s = min(left_s, ANNOUNCE_INTERVAL_S)


def _me(run_id: str) -> Holder:
    started = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return Holder(run_id=run_id, pid=os.getpid(), host=socket.gethostname(), started=started)


def _holder(path: Path) -> Holder | str:
    try:
        return read_back.json_file(path, "lock", Holder.model_validate)
    except read_back.ReadError:
        return "another run"  # which has only just locked it, or had no space to write its name


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
