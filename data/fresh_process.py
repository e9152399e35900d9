"""Runs modules of the project in a separate Python process.

For code that may end its process, does not free its memory, or must not see the libraries that
are loaded here.

    python -m data.fresh_process [MODULE]    runs the calls on its standard input, see Worker
"""

import contextlib
import importlib
import json
import os
import select
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from data import errors, long_lived, tensorflow_environment

ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT_S = 900.0
# Converted models are evaluated on a CPU; training may hold all of a GPU's memory.
ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
LAST_LINES = 6
LONGEST_LINE = 200


class ProcessError(errors.PipelineError):
    """The process ended with an error, was killed by a signal, or took too long."""


def run(
    module: str,
    arguments: Sequence[str],
    time_limit_s: float = TIME_LIMIT_S,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Runs ``python -m module arguments…`` and waits for it.

    Args:
      module: its full name.
      arguments: its command line.
      time_limit_s: the process is killed after so many seconds.
      environment: in addition to that of this process and to :func:`variables`.

    Raises:
      ProcessError: with the end of its output; continues "cannot be converted: ".
    """
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env={**variables(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=time_limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"it took more than {time_limit_s:g} s.") from error
    if done.returncode:
        raise ProcessError(f"its process ended with {done.returncode}:{last_lines(done.stderr)}")


class Worker:
    """A process that runs one module after the other, so that libraries are loaded once.

    Loaded libraries stay loaded; a module that fails ends the process, and the next one gets a
    new process.

    Args:
      imported: the name of a module that is imported at once, while this process continues.
    """

    def __init__(self, imported: str | None = None) -> None:
        self._imported = [imported] if imported else []
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # closed by close
        self._begun = 0
        self._process = self._started() if imported else None

    def close(self) -> None:
        """Ends the process, which frees its memory."""
        self._end()
        self._said.close()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with process:
            process.kill()

    def run(
        self, module: str, arguments: Sequence[str], time_limit_s: float = TIME_LIMIT_S
    ) -> None:
        """Calls ``main(*arguments)`` of a module in that process, and waits for it.

        Args:
          module: its full name.
          arguments: what is passed on.
          time_limit_s: the process is killed after so many seconds.

        Raises:
          ProcessError: it failed, see :func:`run`.
        """
        process = self._process = self._process or self._started()
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("It has no pipes.")
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps([module, *arguments]).encode() + b"\n")
            process.stdin.flush()
        if not select.select([process.stdout], [], [], time_limit_s)[0]:
            self._end()
            raise ProcessError(f"it took more than {time_limit_s:g} s.")
        if not process.stdout.read(1):
            process.wait()
            self._end()
            self._said.seek(self._begun)
            said = self._said.read().decode(errors="replace")
            raise ProcessError(f"its process ended with {process.returncode}:{last_lines(said)}")
        self._begun = self._said.seek(0, os.SEEK_END)

    def _started(self) -> subprocess.Popen[bytes]:
        self._begun = self._said.seek(0, os.SEEK_END)
        return subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "data.fresh_process", *self._imported],
            cwd=ROOT,
            env=variables(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            bufsize=0,
        )


def call(
    module: str,
    arguments: Sequence[str],
    time_limit_s: float = TIME_LIMIT_S,
    worker: Worker | None = None,
) -> None:
    """Calls ``main(*arguments)`` of a module in another process, see :meth:`Worker.run`.

    Args:
      module: its full name.
      arguments: what is passed on.
      time_limit_s: the process is killed after so many seconds.
      worker: the process; None: a new one for this call.

    Raises:
      ProcessError: it failed, see :func:`run`.
    """
    if worker is not None:
        worker.run(module, arguments, time_limit_s)
        return
    with contextlib.closing(Worker(module)) as own:
        own.run(module, arguments, time_limit_s)


def variables() -> dict[str, str]:
    """Returns the environment of a process that must find the project."""
    # The parent process may already hold most of a GPU's memory.
    return {
        "TF_FORCE_GPU_ALLOW_GROWTH": "true",
        **tensorflow_environment.defaults("2"),
        **os.environ,
        "PYTHONPATH": python_path(),
    }


def python_path() -> str:
    """Returns ``PYTHONPATH`` with the project first."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def last_lines(text: str) -> str:
    """Returns the end of a process's output, for the end of a message; a line may be pages long."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return "".join(f"\n  {line[:LONGEST_LINE]}" for line in lines)


def main(imported: Sequence[str]) -> None:
    """Runs as the process of a worker; writes a byte after each module that it has run."""
    done = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # libraries print
    with long_lived.loading():  # not around later imports: what ran before would never be collected
        for module in imported:
            importlib.import_module(module)
    for line in sys.stdin:
        module, *arguments = json.loads(line)
        importlib.import_module(module).main(*arguments)
        os.write(done, b".")


if __name__ == "__main__":
    main(sys.argv[1:])
