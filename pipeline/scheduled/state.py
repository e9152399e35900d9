"""The state of a schedule, so that a restart continues as if it had never stopped.

OUTPUT/schedule/NAME/
  state.json       the last run, what is under way, what was released when
  files.npz        the files of the last run, and image statistics of a sample of them
  history.jsonl    a line for each decision and each run
  run.lock         held while a run is under way
"""

import contextlib
import datetime
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from data.files import atomic, read_back, read_lines
from pipeline import output_folder

STATE_FILE = "state.json"
HISTORY_FILE = "history.jsonl"
LOCK_FILE = "run.lock"
MAX_UNSENT = 20
MAX_SKEW = datetime.timedelta(minutes=5)
MAX_RELEASES = 200
Version = Annotated[str, Field(pattern="^[0-9]+$")]


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Attempt(_Record):
    """A run that was started, and how often it failed."""

    key: str = Field(description="identifies the images and settings")
    fingerprint: str = Field(description="fingerprint of the images alone")
    reason: str = Field(description="why the run was started")
    started: AwareDatetime
    summary_before: str | None = Field(None, description="the run of the previous summary")


class Failed(_Record):
    """Runs of the same images and settings that failed."""

    key: str
    exit_code: int = Field(description="exit code of the last failure")
    count: int
    message: str


class Asked(_Record):
    """The served model's result for some new images."""

    key: str = Field(description="identifies the images and the version")
    sentence: str | None = Field(description="description of the drift; null if there is none")


class State(_Record):
    """The whole state except for the files themselves."""

    last_tick: AwareDatetime | None = None
    fingerprint: str | None = Field(None, description="fingerprint of the last finished run")
    class_counts: dict[str, int] = Field(
        default_factory=dict, description="files a class, that run"
    )
    released_counts: dict[str, int] = Field(
        default_factory=dict, description="files a class of the last run with a released model"
    )
    finished: AwareDatetime | None = None
    releases: dict[Version, AwareDatetime] = Field(
        default_factory=dict, description="version → time of its release"
    )
    mean_scores: dict[Version, float] = Field(
        default_factory=dict, description="version → mean score on its test split"
    )
    predictions: dict[Version, str] = Field(
        default_factory=dict, description="version → its answers about held-out images"
    )
    under_way: Attempt | None = None
    failed: Failed | None = None
    asked: Asked | None = None
    reported: str | None = Field(
        None,
        # Its name in states of earlier versions.
        validation_alias=AliasChoices("reported", "told"),
        description="fingerprint of unusable images already reported",
    )
    unsent: list[dict[str, Any]] = Field(default_factory=list, description="notifications to send")


def correct(state: State, now: datetime.datetime) -> list[str]:
    """Sets times in the future, which a wrong clock may have left, to now.

    Else an interval would wait for that time, and the served model would never become old.

    Args:
      state: changed in place.
      now: the time, with time zone.

    Returns:
      A sentence for each that was corrected.
    """
    corrections = []

    def corrected(time: datetime.datetime | None, what: str) -> datetime.datetime | None:
        if time is None or not is_future(time, now):
            return time
        corrections.append(
            f"According to the state, {what} at {time:%Y-%m-%d %H:%M}, which is in the future: the clock"
            f" was wrong then or is now. It counts as {now:%Y-%m-%d %H:%M}."
        )
        return now

    state.last_tick = corrected(state.last_tick, "the last check was")
    state.finished = corrected(state.finished, "the last run finished")
    for version, time in state.releases.items():
        state.releases[version] = corrected(time, f"version {version} was released") or time
    if state.under_way:
        started = corrected(state.under_way.started, "a run was started")
        state.under_way.started = started or state.under_way.started
    return corrections


def is_future(time: datetime.datetime, now: datetime.datetime) -> bool:
    """Returns whether a saved time is later than now by more than clocks usually differ."""
    return time > now + MAX_SKEW


@dataclass(frozen=True)
class Store:
    """The files of the state of one model's schedule."""

    folder: Path

    @classmethod
    def of(cls, output_dir: Path, model_name: str) -> "Store":
        """Returns the store of a model in an output folder."""
        return cls(output_folder.OutputFolder(output_dir).schedule(model_name))

    def load(self) -> State:
        """Reads the state; returns a new one if there is none.

        Raises:
          errors.DataError: the file is damaged.
        """
        try:
            return read_back.json_file(
                self.folder / STATE_FILE,
                "state of the schedule",
                State.model_validate,
                "Without the file the next tick trains as if for the first time.",
            )
        except read_back.AbsentError:
            return State()

    def save(self, state: State) -> None:
        """Writes the state atomically."""
        state.unsent = state.unsent[-MAX_UNSENT:]
        for old in sorted(state.releases, key=int)[:-MAX_RELEASES]:
            del state.releases[old]
            state.mean_scores.pop(old, None)
            state.predictions.pop(old, None)
        # pydantic's own JSON cannot represent names that are not UTF-8.
        text = json.dumps(state.model_dump(), indent=1, default=datetime.datetime.isoformat)
        with atomic.replacing(self.folder / STATE_FILE, durable=True) as temporary:
            temporary.write_text(text + "\n", encoding="utf-8")

    def note(self, row: dict[str, Any]) -> None:
        """Appends a line to the history."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / HISTORY_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """Returns all lines of the history; skips damaged ones and logs their number."""
        return list(read_lines.lines(self.folder / HISTORY_FILE, "history of the schedule", _row))

    @contextlib.contextmanager
    def lock(self) -> Iterator[int | None]:
        """Holds the lock of this schedule's runs inside.

        A run inherits the lock, so it is held until both the scheduler and its run have ended,
        even if only the scheduler is killed.

        Yields:
          The descriptor to pass on; None if another process holds the lock.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield None
            else:
                yield descriptor
        finally:
            os.close(descriptor)


def _row(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise TypeError("no object")
    return found
