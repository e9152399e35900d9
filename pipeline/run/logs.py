"""Separates the terminal, for people, from the log file, for everything else.

Libraries write to stdout and stderr from Python and from C++, with and without loggers.
Redirecting the two file descriptors captures all of it.
"""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging import handlers
from pathlib import Path
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def rotating(path: Path) -> logging.Handler:
    """Returns a log for long-running programs: at most 40 MB, the oldest lines are dropped."""
    return handlers.RotatingFileHandler(path, maxBytes=10_000_000, backupCount=3, encoding="utf-8")


def prune(folder: Path, pattern: str, keep: int) -> None:
    """Deletes all but the newest files of a pattern; their names end in the time."""
    for path in sorted(folder.glob(pattern))[:-keep]:
        path.unlink(missing_ok=True)


@contextmanager
def redirected(path: Path) -> Iterator[TextIO]:
    """Redirects the process's output and logs to a file while inside.

    Args:
      path: the log file; its folder is created.

    Yields:
      The terminal: a text file for the former stdout.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    saved = os.dup(1), os.dup(2)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    terminal = os.fdopen(os.dup(saved[0]), "w", encoding="utf-8", errors="replace", buffering=1)
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter(FORMAT))
    root = logging.getLogger()
    level = root.level
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        yield terminal
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        for finish in (sys.stdout.flush, sys.stderr.flush, handler.close):
            with suppress(OSError):  # a full disk is reported on the terminal
                finish()
        os.dup2(saved[0], 1)
        os.dup2(saved[1], 2)
        terminal.close()
        for descriptor in (*saved, log):
            os.close(descriptor)
