"""The code of this checkout or of another: runs it, and its model server, as a user does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent
_Server = TypeVar("_Server", bound="ModelServer")
# A run that went to its end, whatever it decided.
ENDED = (0, 3)


def environment(checkout: Path, **more: str) -> dict[str, str]:
    """The environment of a process that takes its modules from a checkout, its children too."""
    return {**os.environ, "PYTHONPATH": str(checkout), **more}


def run(checkout: Path, *command: str, allowed: tuple[int, ...] = (0,)) -> str:
    """Runs a script or a module of a checkout: the arguments of Python; returns what it printed.

    Raises:
      RuntimeError: it ends with another exit code than those allowed; with what it printed.
    """
    done = subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env=environment(checkout),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in allowed:
        raise RuntimeError(
            f"{command[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
    return done.stdout


class ModelServer:
    """A process of ``python -m serving serve`` that has loaded its model.

    Args:
      model_dir: the model's folder.
      flags: flags of the command.
      place: the folder for its address and what it prints; default: beside the model's.
      checkout: whose code it runs.
      limit_s: how long it may take to start, and every later wait.
      prepare: called with the process id at once.
      more: variables of its environment.

    Raises:
      RuntimeError: it ends, or does not start in time; with what it printed.
    """

    def __init__(
        self,
        model_dir: Path,
        *flags: str,
        place: Path | None = None,
        checkout: Path = ROOT,
        limit_s: float = 240,
        prepare: Callable[[int], object] = lambda _: None,
        **more: str,
    ) -> None:
        self.model_dir = model_dir
        self._limit_s = limit_s
        place = place or model_dir.parent
        self._output, path = place / "output.txt", place / "address.json"
        path.unlink(missing_ok=True)
        command = [sys.executable, "-m", "serving", "serve", "--model-dir", str(model_dir)]
        command += ["--port", "0", "--address-file", str(path), *flags]
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                cwd=checkout,
                env=environment(checkout, **more),
            )
        prepare(self.process.pid)
        try:
            self.wait(path.exists)
        except BaseException:
            self.stop()
            raise
        self.address: dict[str, Any] = json.loads(path.read_text())
        self.url = str(self.address["http"])

    def __enter__(self: _Server) -> _Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def output(self) -> str:
        """What it has printed."""
        return self._output.read_text()

    def wait(self, happened: Callable[[], bool]) -> None:
        """Waits for a condition while the server runs."""
        deadline = time.monotonic() + self._limit_s
        while not happened():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"The server stopped or is too slow:\n{self.output()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it as a user does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(90)
