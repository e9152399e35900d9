"""Stops a server when the program that started it ends, for whatever reason."""

import contextlib
import os
import threading
from collections.abc import Iterator

_LOOK_S = 0.5


@contextlib.contextmanager
def watched(process_id: int | None, stop: threading.Event) -> Iterator[None]:
    """Sets an event once a process is no longer this one's parent: it has ended, even by SIGKILL.

    Args:
      process_id: the parent's; None: no process is watched.
      stop: the event to set.
    """
    left = threading.Event()

    def watch() -> None:
        while not left.wait(_LOOK_S):
            if os.getppid() != process_id:
                stop.set()
                return

    watching = threading.Thread(target=watch, name="parent", daemon=True)
    if process_id is not None:
        watching.start()
    try:
        yield
    finally:
        left.set()
