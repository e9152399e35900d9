"""Parses JSON of a server, a model or an earlier command, which is not trusted."""

import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 64 << 20


def parse(content: bytes | str) -> Any:
    """Parses JSON.

    Raises:
      ValueError: it is not JSON, not UTF-8, or nested too deeply.
    """
    try:
        return json.loads(content)
    except (RecursionError, MemoryError) as error:
        raise ValueError("it is nested too deeply, or too large for the memory") from error


def file(path: Path) -> Any:
    """Parses a file of at most 64 MiB.

    Raises:
      OSError: it cannot be read.
      ValueError: it is not a regular file, is larger, or is not JSON.
    """
    # Non-blocking: a pipe at this path must not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES:,} bytes")
    return parse(content)
