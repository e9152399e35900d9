"""Runs the command line as a process, with its log and its summary."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import output_folder
from pipeline.outcome import summary
from pipeline.wiring import code_fingerprint

SCRIPT = code_fingerprint.ROOT / "pipeline" / "run_local.py"
FINISHED = (0, 3)
INTERRUPTED = 130
LOCKED = 75  # another run uses the output folder
# SIGTERM by run_local.py's own code, and either signal while Python was still starting.
_ENDED_FROM_OUTSIDE = frozenset({143, -signal.SIGTERM, -signal.SIGINT})
TIMED_OUT = 124  # the exit code of timeout(1)
GRACE_S = 60
_TAIL_BYTES = 4000


@dataclass(frozen=True)
class Result:
    """The outcome of a run.

    Attributes:
      exit_code: as of run_local.py; TIMED_OUT if it took too long; negative for a signal.
      summary: its summary; None if it did not get that far.
      log: the file of its output.
    """

    exit_code: int
    summary: summary.Summary | None
    log: Path

    @property
    def message(self) -> str:
        """Returns why the run failed, in a line."""
        if self.exit_code == TIMED_OUT:
            return f"It took too long and was ended. Its output: {self.log}"
        if self.summary and self.summary.reasons:
            return " ".join(self.summary.reasons[0].split())
        for line in reversed(_tail(self.log).splitlines()):
            if line.strip():
                return line.strip().removeprefix("Error: ").removeprefix("Failed: ")
        return f"It ended with exit code {self.exit_code} and without a message."


class Runner:
    """Starts runs, one at a time, and ends them on request."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._stopped = threading.Event()

    def run(self, arguments: Sequence[str], log: Path, lock: int, timeout_s: float) -> int:
        """Runs the pipeline to its end.

        Args:
          arguments: the arguments of run_local.py.
          log: the file for its output.
          lock: a descriptor that the process keeps open.
          timeout_s: the time limit in seconds.

        Returns:
          The exit code.
        """
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as output:
            # A separate process group: Ctrl-C at the terminal reaches only the scheduler, which
            # passes it on; and at the time limit, the run's children are ended with it.
            self._process = subprocess.Popen(  # noqa: S603 (an argument list, no shell)
                [sys.executable, str(SCRIPT), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],
                start_new_session=True,
            )
            if self._stopped.is_set():
                self.stop()
            try:
                code = self._process.wait(timeout_s)
                stopped = self._stopped.is_set() and code not in FINISHED
                return INTERRUPTED if stopped or code in _ENDED_FROM_OUTSIDE else code
            except subprocess.TimeoutExpired:
                self._end()
                return TIMED_OUT
            finally:
                self._process = None

    def stop(self) -> None:
        """Requests the run to end; the next run continues there."""
        self._stopped.set()
        process = self._process
        if process and process.poll() is None:
            process.terminate()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def read_summary(output_dir: Path) -> summary.Summary | None:
    """Returns the summary of the last run in an output folder; None if it cannot be read."""
    return summary.read(output_folder.OutputFolder(output_dir).summary)


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""
