"""How far a long step has come, told by the rooms to whoever listens.

Rooms call :func:`start` and :meth:`Task.advance`; the runner registers one listener. Without a
listener, as in Beam workers of other processes, telling costs nothing and goes nowhere.
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
      name: what is being done, for a person, such as "reading images".
      total: how many units there are; None where nobody knows.
      unit: what is counted, in the plural.
      done: units finished.
      note: a few words on the state, such as a validation accuracy.
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


def start(name: str, total: int | None = None, unit: str = "images") -> Task:
    """Begins a task and tells the listener of it."""
    task = Task(name, total, unit)
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
