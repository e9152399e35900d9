"""Shows a live table of the steps on the terminal; plain lines without a terminal."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from data import progress

if TYPE_CHECKING:  # importing TFX takes seconds, and a user's mistake is reported before that
    from pipeline.run import runner

REFRESHES_A_SECOND = 4
PLAIN_INTERVAL_S = 20.0
MIN_PACE_S = 1.0
BAR_WIDTH = 24

State = Literal["waiting", "running", "done", "cached", "failed"]


@dataclass
class _Row:
    name: str
    state: State = "waiting"
    seconds: float = 0.0
    note: str = ""


def live(console: Console, **options: Any) -> Live:
    """Returns a live display that does not redirect stdout and stderr.

    By default rich shows everything printed meanwhile on the console, and libraries print.
    """
    return Live(
        console=console,
        refresh_per_second=REFRESHES_A_SECOND,
        redirect_stdout=False,
        redirect_stderr=False,
        **options,
    )


def waiting(console: Console, words: str) -> Live:
    """Shows a spinner with a short text, which disappears at the end of the wait."""
    return live(console, renderable=Spinner("dots", words), transient=True)


@dataclass
class _Pace:
    """The rate in units a second, from the first units on: the time before them is set-up."""

    first_done: int = 0
    first_s: float = 0.0
    done: int = 0

    def update(self, done: int, now_s: float) -> None:
        if done and not self.first_done:
            self.first_done, self.first_s = done, now_s
        self.done = done

    def rate(self, now_s: float) -> float | None:
        elapsed = now_s - self.first_s
        if self.done <= self.first_done or elapsed < MIN_PACE_S:
            return None
        return (self.done - self.first_done) / elapsed


class StepTable:
    """The table of a run's steps: a runner.Listener, and a listener of data.progress.

    Args:
      console: the console for the table.
      names: the steps in order.
      describe: a finished step → one line on what it did.
    """

    def __init__(
        self, console: Console, names: list[str], describe: Callable[["runner.Step"], str]
    ) -> None:
        self._console = console
        self._rows = {name: _Row(name) for name in names}
        self._describe = describe
        self._lock = threading.RLock()
        self._task: progress.Task | None = None
        self._pace = _Pace()
        self._step_start = self._last_plain = time.monotonic()
        self._live = live(console, get_renderable=self._render)

    def __enter__(self) -> "StepTable":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def started(self, name: str) -> None:
        """See runner.Listener."""
        with self._lock:
            self._rows.setdefault(name, _Row(name)).state = "running"
            self._task = None
            self._step_start = self._last_plain = time.monotonic()
        self._plain(f"{name} …")

    def ended(self, step: "runner.Step") -> None:
        """See runner.Listener."""
        note = self._describe(step)
        with self._lock:
            row = self._rows.setdefault(step.name, _Row(step.name))
            row.state = "cached" if step.cached else "done"
            row.seconds, row.note = step.seconds, note
            self._task = None
        cached = ", from cache" if step.cached else ""
        self._plain(f"  {step.seconds:.1f} s{cached}{': ' if note else ''}{note}")

    def failed(self, name: str, seconds: float) -> None:
        """See runner.Listener."""
        with self._lock:
            row = self._rows[name]
            row.state, row.seconds = "failed", seconds
            self._task = None
        self._plain(f"  failed after {seconds:.1f} s")

    def retrying(self, name: str, reason: str) -> None:
        """See runner.Listener."""
        with self._lock:
            self._rows[name].note = reason
            self._task = None
        self._plain(f"  {reason}")

    def advanced(self, task: progress.Task) -> None:
        """Is called by data.progress on every change of a task."""
        with self._lock:
            now = time.monotonic()
            if task is not self._task:
                if not _goes_on(task, self._task):
                    self._pace = _Pace()
                self._task = task
            self._pace.update(task.done, now)
            if self._console.is_terminal or now - self._last_plain < PLAIN_INTERVAL_S:
                return
            self._last_plain = now
        self._plain(f"  {self._state(task)}")

    def _plain(self, line: str) -> None:
        if not self._console.is_terminal:
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _state(self, task: progress.Task) -> str:
        parts = [task.name]
        if task.total:
            parts.append(f"{task.done:,} of {task.total:,} {task.unit}")
        rate = self._pace.rate(time.monotonic())
        if rate:
            parts.append(f"{rate:,.0f} {task.unit}/s")
            if task.total:
                parts.append(f"at most {_clock((task.total - task.done) / rate)} left")
        if task.note:
            parts.append(task.note)
        return " · ".join(parts)

    def _render(self) -> RenderableType:
        with self._lock:
            table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
            table.add_column(width=1)
            table.add_column(no_wrap=True)
            table.add_column(justify="right", no_wrap=True)
            table.add_column(overflow="ellipsis", no_wrap=True)
            for row in self._rows.values():
                table.add_row(*self._cells(row))
            if self._task is None:
                return table
            total = self._task.total
            line = Table.grid(padding=(0, 2, 0, 0))
            line.add_row(
                ProgressBar(
                    total=total or 100, completed=self._task.done, pulse=not total, width=BAR_WIDTH
                ),
                Text(self._state(self._task), style="dim"),
            )
            return Group(table, Text(""), line)

    def _cells(self, row: _Row) -> list[RenderableType]:
        sign, style = _SIGNS[row.state]
        seconds = row.seconds if row.state != "running" else time.monotonic() - self._step_start
        shown = "" if row.state == "waiting" else _clock(seconds)
        note = "from cache" if row.state == "cached" else ""
        note = " · ".join(part for part in (row.note, note) if part)
        return [
            Text(sign, style=style),
            Text(row.name, style=style),
            Text(shown, style="dim"),
            Text(note),
        ]


_SIGNS = {
    "waiting": ("·", "dim"),
    "running": ("▸", "bold cyan"),
    "done": ("✓", "green"),
    "cached": ("✓", "green dim"),
    "failed": ("✗", "bold red"),
}


def _goes_on(task: progress.Task, before: progress.Task | None) -> bool:
    """Returns whether a task goes on where another ended, such as training in its next epoch."""
    return before is not None and task.name == before.name and 0 < before.done <= task.done


def _clock(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds // 60)}:{int(seconds % 60):02d} min"
