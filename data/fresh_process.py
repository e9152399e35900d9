"""Runs a module of the project in a Python process of its own.

What ends its process where it cannot go on, keeps its memory or must not see what is loaded here
runs there.
"""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from data import errors

ROOT = Path(__file__).resolve().parents[1]
TIME_LIMIT_S = 900.0
# What is converted is asked on a CPU; a GPU may be full with the training's memory.
ON_CPU = {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
LAST_LINES = 6
LONGEST_LINE = 200


class ProcessError(errors.PipelineError):
    """It ended with an error, was killed by a signal, or took too long."""


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
      time_limit_s: it is killed after so many seconds.
      environment: beyond that of this process and what :func:`variables` adds.

    Raises:
      ProcessError: with what it said last; to go on with after "cannot be converted: ".
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


def variables() -> dict[str, str]:
    """The environment of a process that must find the project."""
    # Whoever starts it may hold most of a GPU's memory already.
    return {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_FORCE_GPU_ALLOW_GROWTH": "true"} | {
        **os.environ,
        "PYTHONPATH": python_path(),
    }


def python_path() -> str:
    """``PYTHONPATH`` with the project first."""
    return os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))


def last_lines(text: str) -> str:
    """The end of what a process said, as the end of a message; some say pages in a line."""
    lines = [line.rstrip() for line in text.splitlines() if line.strip()][-LAST_LINES:]
    return "".join(f"\n  {line[:LONGEST_LINE]}" for line in lines)
