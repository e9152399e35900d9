"""Progress of long steps, reported by core logic to one listener.

Core logic calls :func:`start` and :meth:`Task.advance`; the runner registers a listener. Without
a listener, as in Beam workers of other processes, a report costs nothing and is dropped.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

Listener = Callable[["Task"], None]

_listener: Listener | None = None
_lock = threading.Lock()
_tasks: dict[str, "Task"] = {}


@dataclass
class Task:
    """One counted piece of work.

    Attributes:
      name: the work, for people, such as "reading images".
      total: how many units there are; None if unknown.
      unit: the name of the units, in the plural.
      done: units finished.
      note: a short text on the state, such as a validation accuracy.
    """

    name: str
    total: int | None = None
    unit: str = "images"
    done: int = 0
    note: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def advance(self, count: int = 1, note: str | None = None) -> None:
        """Counts ``count`` more units as done; safe from several threads."""
        with self._lock:
            self.done += count
            if note is not None:
                self.note = note
        if _listener is not None:
            _listener(self)


def start(
    name: str, total: int | None = None, unit: str = "images", done: int = 0, note: str = ""
) -> Task:
    """Starts a task, or goes on with one of which ``done`` units are finished; tells the listener."""
    task = Task(name, total, unit, done, note)
    with _lock:
        _tasks[name] = task
    task.advance(0)
    return task


def advance(name: str, count: int = 1) -> None:
    """Counts on a task started by :func:`start` in this process; ignored in any other."""
    task = _tasks.get(name)
    if task is not None:
        task.advance(count)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Sends every change of every task in this process to ``listener`` while inside."""
    global _listener
    previous, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = previous
