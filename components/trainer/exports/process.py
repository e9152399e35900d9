"""Runs a converter or a runtime in a process of its own.

They are C++ that ends the process where it cannot go on, and that keeps its memory; either must
not happen to a training or to a release gate.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from data import errors

ROOT = Path(__file__).resolve().parents[3]
TIME_LIMIT_S = 900.0
LAST_LINES = 4
LONGEST_LINE = 200


class ProcessError(errors.PipelineError):
    """It ended with an error, was killed by a signal, or took too long."""


def run(module: str, arguments: Sequence[str], time_limit_s: float = TIME_LIMIT_S) -> None:
    """Runs ``python -m module arguments…`` on the CPU and waits for it.

    Raises:
      ProcessError: with what it said last; to go on with after "cannot be converted: ".
    """
    try:
        done = subprocess.run(  # noqa: S603
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=_environment(),
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
        raise ProcessError(f"its process ended with {done.returncode}:{_last_lines(done.stderr)}")


def _environment() -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # What is converted is asked on a CPU; a GPU may be full with the training's memory.
    own = {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1"}
    return {"TF_CPP_MIN_LOG_LEVEL": "3"} | {**os.environ, **own}


def _last_lines(text: str) -> str:
    """The end of what a process said; a converter's lines may be pages long."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return "".join(f"\n  {line[:LONGEST_LINE]}" for line in lines)
