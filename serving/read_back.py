"""JSON that a server, a model or an earlier command left: hostile until it is read."""

import json
import os
import stat
from pathlib import Path
from typing import Any

MAX_BYTES = 64 << 20


def parse(content: bytes | str) -> Any:
    """Parses JSON.

    Raises:
      ValueError: it is none, no UTF-8, or nested too deeply.
    """
    try:
        return json.loads(content)
    except (RecursionError, MemoryError) as error:
        raise ValueError("it is nested too deeply, or too large for the memory") from error


def file(path: Path) -> Any:
    """Parses a file of at most 64 MiB.

    Raises:
      OSError: it cannot be read.
      ValueError: it is no regular file, larger, or no JSON.
    """
    # A pipe that took the file's place must not be waited for.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        content = opened.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it holds more than {MAX_BYTES:,} bytes")
    return parse(content)
