"""Atomic push of a model into a folder of versions on disk.

    SERVING_DIR/
      1764000000/         a version, named by the second of its push
      .withdrawn/         versions that a person withdrew (rollback and promote of the model server)
        1764003600/
      .pushing-3f2a…/     being copied
      .deleted-9c1b…/     being deleted
      .push.lock          held during a push

Model servers read only folders whose name is a number, and a version gets that name by a single
rename. So however a push ends, a version is there with all its files or not at all; what an
interrupted push leaves behind is hidden, and the next push deletes it.
"""

import contextlib
import enum
import fcntl
import filecmp
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from data import errors
from serving import served_version

LOCK_FILE = ".push.lock"
# Written anew by every trial on a server; it changes no answer.
WARM_UP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_PUSHING = ".pushing-"
_DELETED = ".deleted-"


class Result(enum.Enum):
    """The result of a push."""

    PUSHED = enum.auto()  # it is a new version
    SERVED_BEFORE = enum.auto()  # the version in serving holds the same model
    WITHDRAWN_BEFORE = enum.auto()  # a withdrawn version holds the same model


@dataclass(frozen=True)
class Outcome:
    """The outcome of a push.

    Attributes:
      number: the version that holds the model.
      path: its folder.
      result: the result.
      sentence: the result in words.
      deleted: the versions that were deleted.
    """

    number: int
    path: Path
    result: Result
    sentence: str
    deleted: tuple[int, ...] = ()

    @property
    def pushed(self) -> bool:
        """Returns true for a new version; false where the model was there before."""
        return self.result is Result.PUSHED


def push(saved_model: Path, serving_dir: Path, keep_versions: int | None = None) -> Outcome:
    """Pushes a model as the version to serve, unless it is served already or was withdrawn.

    Args:
      saved_model: the folder with ``saved_model.pb``.
      serving_dir: the model's folder of versions; created where it is missing.
      keep_versions: how many of the highest versions remain, withdrawn ones included; the
        version that was served until now remains in any case. None: all.

    Raises:
      errors.PipelineError: there is no SavedModel, or the folder cannot be written.
    """
    if not (saved_model / served_version.SAVED_MODEL_FILE).is_file():
        raise errors.PipelineError(
            f"{saved_model} holds no {served_version.SAVED_MODEL_FILE}; only a SavedModel can be pushed."
        )
    try:
        serving_dir.mkdir(parents=True, exist_ok=True)
        with _alone(serving_dir):
            _delete_leftovers(serving_dir)
            before = served_version.served(serving_dir)
            outcome = _known(saved_model, serving_dir, before) or _place(saved_model, serving_dir)
            deleted = _retain(serving_dir, keep_versions, {outcome.number, before})
    except OSError as error:
        raise errors.PipelineError(
            f"The model cannot be pushed to {serving_dir}: {error.strerror or error}."
        ) from error
    return replace(outcome, deleted=deleted)


def same(first: Path, second: Path) -> bool:
    """Returns true where two folders hold the same model: the same files, byte for byte."""
    left, right = _files(first), _files(second)
    return left.keys() == right.keys() and all(
        filecmp.cmp(left[name], right[name], shallow=False) for name in left
    )


def next_number(serving_dir: Path, now_s: float) -> int:
    """Returns the number of a new version: the second, or more, so that it is the highest.

    Args:
      serving_dir: the model's folder of versions.
      now_s: seconds since 1970.
    """
    taken = [number for number, _ in _all(serving_dir)]
    return max(int(now_s), max(taken, default=0) + 1)


def _numbered(folder: Path) -> list[tuple[int, Path]]:
    """Returns all entries named like a version, files too, by number; none without the folder."""
    if not folder.is_dir():
        return []
    return sorted(
        (number, path)
        for path in folder.iterdir()
        if (number := served_version.number_of(path.name)) is not None
    )


def _all(serving_dir: Path) -> list[tuple[int, Path]]:
    """Returns the versions, withdrawn ones included."""
    return sorted([*_numbered(serving_dir), *_numbered(serving_dir / served_version.WITHDRAWN)])


def _files(folder: Path) -> dict[Path, Path]:
    paths = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    paths.pop(WARM_UP_FILE, None)
    return paths


def _known(saved_model: Path, serving_dir: Path, current: int | None) -> Outcome | None:
    """Returns the outcome where the model is there already; None where it is new."""
    path = serving_dir / f"{current}"
    if current is not None and same(saved_model, path):
        sentence = f"The same model is served already, as version {current}."
        return Outcome(current, path, Result.SERVED_BEFORE, sentence)
    # A push would serve it again, against the decision of the person who withdrew it.
    for number, path in reversed(_numbered(serving_dir / served_version.WITHDRAWN)):
        if same(saved_model, path):
            sentence = (
                f"The same model was withdrawn as version {number}; to serve it, run"
                f" python -m serving promote {number} --model-dir {serving_dir}."
            )
            return Outcome(number, path, Result.WITHDRAWN_BEFORE, sentence)
    return None


def _place(saved_model: Path, serving_dir: Path) -> Outcome:
    """Copies a model into a hidden folder and renames that to a version."""
    temporary = serving_dir / f"{_PUSHING}{uuid.uuid4().hex}"
    try:
        shutil.copytree(saved_model, temporary)
        # Flushed first: even after a power cut, a version has its content.
        for path in (*temporary.rglob("*"), temporary):
            _flush(path)
        number = next_number(serving_dir, time.time())
        target = temporary.rename(serving_dir / f"{number}")
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _flush(serving_dir)
    return Outcome(number, target, Result.PUSHED, f"Version {number} was pushed.")


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _retain(serving_dir: Path, keep: int | None, needed: set[int | None]) -> tuple[int, ...]:
    """Deletes all versions but the highest and those needed; returns the deleted numbers."""
    if keep is None:
        return ()
    old = [(number, path) for number, path in _all(serving_dir)[:-keep] if number not in needed]
    for _, path in old:
        # A version never shows in part here either: it is hidden first, then deleted.
        path.rename(serving_dir / f"{_DELETED}{uuid.uuid4().hex}")
    _delete_leftovers(serving_dir)
    return tuple(number for number, _ in old)


def _delete_leftovers(serving_dir: Path) -> None:
    for prefix in (_PUSHING, _DELETED):
        for path in serving_dir.glob(f"{prefix}*"):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _alone(serving_dir: Path) -> Iterator[None]:
    """Holds the lock against other pushes; the system releases that of a killed process."""
    with (serving_dir / LOCK_FILE).open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
