"""Starts a real server on the candidate and stops it: by its command line and its address file.

The server is another program; :mod:`server_stage` sends it requests.
"""

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data import errors, fresh_process
from data.files import read_back

COMMAND = (sys.executable, "-m", "serving", "serve")
LIBRARIES = ("pytriton", "tritonclient")
MODEL_NAME = "candidate"
START_LIMIT_S = 180.0
STOP_LIMIT_S = 90.0  # a server finishes its requests first
_POLL_S = 0.1
# The server's own log, which is deleted with the folder.
_LOG_PATH = re.compile(r" The log is \S+")


class ServerError(errors.PipelineError):
    """The server does not start, dies, or answers with an error."""


@dataclass(frozen=True)
class Address:
    """The address of a server.

    Attributes:
      http: host and port of its HTTP gateway.
      model: the model's name there.
      start_s: seconds from its start until it had loaded the model.
    """

    http: str
    model: str
    start_s: float = 0.0


def missing() -> str | None:
    """Returns why no server can be started here, as part of a sentence; None where one can."""
    absent = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    return f"{' and '.join(absent)} not installed (extra [serve])" if absent else None


@dataclass(frozen=True)
class Starting:
    """A server that is loading a SavedModel in the background.

    Attributes:
      process: the server's process.
      address_file: the file to which it writes its address once it has loaded the model.
      log: the file with its output.
      limit_s: the time limit from ``began`` on, in seconds.
      began: the time of its start, in seconds since 1970.
    """

    process: subprocess.Popen[bytes]
    address_file: Path
    log: Path
    limit_s: float
    began: float

    def address(self) -> Address:
        """Waits until it has loaded the model.

        Raises:
          ServerError: it does not start within the limit, or dies.
        """
        with self.with_log():
            while True:
                if self.process.poll() is not None:
                    ended = self.process.returncode
                    raise ServerError(f"The server ended with {ended} before it answered.")
                # A file that is not JSON yet is still being written.
                with contextlib.suppress(read_back.ReadError):
                    address = read_back.json_file(
                        self.address_file, "address of the server", _address
                    )
                    return replace(address, start_s=self.address_file.stat().st_mtime - self.began)
                if time.time() > self.began + self.limit_s:
                    raise ServerError(f"The server has not started within {self.limit_s:g} s.")
                time.sleep(_POLL_S)

    @contextlib.contextmanager
    def with_log(self) -> Iterator[None]:
        """Adds the server's last log lines to an error inside the block."""
        try:
            yield
        except ServerError as error:
            text = _LOG_PATH.sub("", self.log.read_text(encoding="utf-8", errors="replace"))
            lines = fresh_process.last_lines(text)
            raise ServerError(f"{error}{lines and ' Its last lines:' + lines}") from error


@contextlib.contextmanager
def starting(
    saved_model: Path, start_limit_s: float = START_LIMIT_S, command: Sequence[str] = COMMAND
) -> Iterator[Starting]:
    """Starts a server on a SavedModel, the folder with ``saved_model.pb``, and stops it at the end."""
    with tempfile.TemporaryDirectory(prefix="server-trial-") as scratch:
        model_dir, address_file = Path(scratch) / MODEL_NAME, Path(scratch) / "address.json"
        shutil.copytree(saved_model, model_dir / "1", copy_function=_link)
        log = Path(scratch) / "server.log"
        arguments = ["--model-dir", str(model_dir), "--port", "0"]
        # The server watches this process and ends with it, even if it is killed.
        arguments += ["--parent", str(os.getpid()), "--address-file"]
        began = time.time()
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603
                [*command, *arguments, str(address_file)],
                cwd=fresh_process.ROOT,
                # As in the other stages: no rounding that depends on the batch. Files that the
                # server leaves after a failure are in this folder and deleted with it.
                env={**fresh_process.variables(), "NVIDIA_TF32_OVERRIDE": "0", "TMPDIR": scratch},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Starting(process, address_file, log, start_limit_s, began)
        finally:
            _stop(process)


@contextlib.contextmanager
def running(
    saved_model: Path, start_limit_s: float = START_LIMIT_S, command: Sequence[str] = COMMAND
) -> Iterator[Address]:
    """Starts a server, waits until it has loaded a SavedModel, and stops it at the end.

    Yields:
      Its address.

    Raises:
      ServerError: it does not start within the limit, or dies; an error inside the block that
        is one of these gets the server's last lines added.
    """
    with starting(saved_model, start_limit_s, command) as server:
        address = server.address()
        with server.with_log():
            yield address


def _link(source: str, target: str) -> None:
    """Makes a hard link, which looks like a copy to every server and takes no space."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _address(found: Any) -> Address:
    return Address(found["http"].rstrip("/").partition("://")[2], found["model"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(STOP_LIMIT_S)
    # Its child processes are in its session; none of them may stay.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
