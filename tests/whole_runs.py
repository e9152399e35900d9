"""Whole runs for tests: the command line as a user starts it, and quicker, forked.

A process of ``pipeline/run_local.py`` takes 10 s of processor time to import TensorFlow, TFX and Beam.
``Forked`` pays that once: a server of ``multiprocessing`` imports them, runs nothing, and forks for
every command. The fork is a process of its own, with the exit code, signals and output of a real one.
The threads of TensorFlow, gRPC and Beam begin with their first use, so the server has none that a
fork could lose; every fork looks whether that still holds.
"""

import multiprocessing
import multiprocessing.connection
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing import forkserver
from pathlib import Path

import pytest

from pipeline.outcome import summary
from tests import costs

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "pipeline" / "run_local.py"
TIMEOUT_S = 840
PRELOADED = (
    "pipeline.run_local",
    "pipeline.wiring.dag",
    "pipeline.run.runner",
    "pipeline.outcome.step_lines",
)
# jemalloc, in pyarrow, starts its own thread anew in a fork.
MAY_BE_LOST = {"jemalloc_bg_thd"}
# Only the server needs them: to find the project wherever pytest runs, and to have no threads.
FOR_THE_SERVER = {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}


def run(*arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """Runs the pipeline as a user does."""
    command = [sys.executable, str(SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=TIMEOUT_S)


class Forked:
    """Runs the pipeline in forks of a process that has imported it."""

    def __init__(self) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([*PRELOADED, __name__])
        with pytest.MonkeyPatch.context() as patch:
            for name, value in FOR_THE_SERVER.items():
                patch.setenv(name, value)
            forkserver.ensure_running()
            reader, writer = self._context.Pipe(duplex=False)
            process = self._context.Process(target=_tell_server, args=(writer,))
            process.start()
            costs.servers.add(reader.recv())
            process.join()
        for closed in (process, reader, writer):
            closed.close()

    def start(
        self, arguments: Sequence[object], out: Path, err: Path, script: Path = SCRIPT
    ) -> multiprocessing.process.BaseProcess:
        """Starts a script whose standard output and error go to two files."""
        command = [str(script), *map(str, arguments)]
        process = self._context.Process(target=_become, args=(command, str(out), str(err)))
        process.start()
        return process

    def run(self, *arguments: object, script: Path = SCRIPT) -> subprocess.CompletedProcess:
        """Runs the pipeline, or another script of the project, to its end."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            process = self.start(arguments, out, err, script)
            process.join(TIMEOUT_S)
            if process.exitcode is None:
                process.kill()
                process.join()
            code = process.exitcode
            process.close()
            return subprocess.CompletedProcess(arguments, code, out.read_text(), err.read_text())


def _tell_server(writer: multiprocessing.connection.Connection) -> None:
    writer.send(os.getppid())


def _become(command: list[str], out: str, err: str) -> None:
    """Makes a fork of the server what ``python run_local.py …`` is."""
    for path, descriptor in ((out, 1), (err, 2)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    check_fork()
    for name in FOR_THE_SERVER:
        del os.environ[name]
    os.chdir(ROOT)
    sys.argv[:] = command
    # As on a terminal; what a shell starts in the background ignores it, and so would the fork.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    runpy.run_path(command[0], run_name="__main__")


def check_fork() -> None:
    """Checks that this process has all that its parent had.

    Raises:
      RuntimeError: the parent had threads, or had not imported the pipeline.
    """
    lost = threads(os.getppid()) - MAY_BE_LOST
    missing = [name for name in PRELOADED if name not in sys.modules]
    if lost or missing:
        raise RuntimeError(f"a fork would lose the threads {lost}, and import {missing} by itself")


def threads(pid: int) -> set[str]:
    """The names of a process's threads but its first."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return {(task / "comm").read_text().strip() for task in tasks if task.name != str(pid)}


@dataclass
class Run:
    """A run that has ended, and its output folder."""

    done: subprocess.CompletedProcess
    output: Path

    @property
    def summary(self) -> summary.Summary:
        return summary.Summary.model_validate_json((self.output / "summary.json").read_text())

    @property
    def executed(self) -> set[str]:
        return {step.name for step in self.summary.steps if not step.cached}
