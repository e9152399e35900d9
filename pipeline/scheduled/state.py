"""What a schedule remembers, so that it goes on after a restart as if it had never stopped.

OUTPUT/schedule/NAME/
  state.json       the last run, what is under way, what was released when
  files.npz        the files of the last run, and measures of a sample of them
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
from typing import Any

import pydantic
from pydantic import BaseModel, ConfigDict, Field

from data import atomic, errors

FOLDER = "schedule"
STATE_FILE = "state.json"
HISTORY_FILE = "history.jsonl"
LOCK_FILE = "run.lock"
MAX_UNSENT = 20
MAX_RELEASES = 200


class _Record(BaseModel):
    model_config = ConfigDict(extra="ignore")


class Attempt(_Record):
    """A run that was begun, and how often it failed."""

    key: str = Field(description="of the images and settings")
    fingerprint: str = Field(description="of the images alone")
    reason: str = Field(description="why it was begun")
    started: datetime.datetime
    summary_before: str | None = Field(None, description="the run whose summary lay there before")


class Failed(_Record):
    """Runs of the same images and settings that failed."""

    key: str
    exit_code: int = Field(description="of the last one")
    count: int
    message: str


class Asked(_Record):
    """What the served model said of some new images."""

    key: str = Field(description="of the images and the version")
    sentence: str | None = Field(description="how they drifted; null where they did not")


class State(_Record):
    """All that is remembered but the files themselves."""

    last_tick: datetime.datetime | None = None
    fingerprint: str | None = Field(None, description="of the images of the last finished run")
    class_counts: dict[str, int] = Field(default_factory=dict, description="files of that run")
    released_counts: dict[str, int] = Field(
        default_factory=dict, description="files of the last run whose model was released"
    )
    finished: datetime.datetime | None = None
    releases: dict[str, datetime.datetime] = Field(
        default_factory=dict, description="version → when it was released"
    )
    mean_scores: dict[str, float] = Field(
        default_factory=dict, description="version → mean score on its test split"
    )
    under_way: Attempt | None = None
    failed: Failed | None = None
    asked: Asked | None = None
    told: str | None = Field(None, description="fingerprint of unusable images already told of")
    unsent: list[dict[str, Any]] = Field(default_factory=list, description="notifications to send")


@dataclass(frozen=True)
class Store:
    """Where the state of one model's schedule lies."""

    folder: Path

    @classmethod
    def of(cls, output_dir: Path, model_name: str) -> "Store":
        """The store of a model in an output folder."""
        return cls(output_dir / FOLDER / model_name)

    def load(self) -> State:
        """Reads the state; a new one where there is none.

        Raises:
          errors.UserError: the file is no state.
        """
        path = self.folder / STATE_FILE
        try:
            return State.model_validate_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return State()
        except (OSError, ValueError, pydantic.ValidationError) as error:
            raise errors.UserError(
                f"The state of the schedule, {path}, cannot be read: {error}. Without the file the"
                " next tick trains as if for the first time."
            ) from error

    def save(self, state: State) -> None:
        """Writes the state, whole or not at all."""
        state.unsent = state.unsent[-MAX_UNSENT:]
        for old in sorted(state.releases, key=int)[:-MAX_RELEASES]:
            del state.releases[old]
            state.mean_scores.pop(old, None)
        with (
            atomic.replacing(self.folder / STATE_FILE) as temporary,
            temporary.open("w", encoding="utf-8") as file,
        ):
            file.write(state.model_dump_json(indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def note(self, row: dict[str, Any]) -> None:
        """Appends a line to the history."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / HISTORY_FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def history(self) -> list[dict[str, Any]]:
        """All lines of the history; one torn by a crash is passed over."""
        path = self.folder / HISTORY_FILE
        rows = []
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            with contextlib.suppress(json.JSONDecodeError):
                rows.append(json.loads(line))
        return rows

    @contextlib.contextmanager
    def lock(self) -> Iterator[int | None]:
        """Holds the lock of this schedule's runs while inside.

        A run inherits the lock, so it lasts until both the scheduler and its run have ended,
        also where the scheduler alone is killed.

        Yields:
          The descriptor to pass on; None where someone else holds the lock.
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
