"""The file of corrections: what a person decided about images, by the contents of their files.

One row a decision, the oldest first::

    path,sha256,old,new,by,when,why,action
    cat/1.jpg,9f86…,cat,dog,ada,2031-05-01T09:30:00Z,a dog,relabel

Only this module reads and writes it. Images are found by the hash of their bytes, so that a decision
holds for every copy and after a file was moved; the path is for people. What decisions do to a data
set is in :mod:`data.corrections.applying`.
"""

import datetime
import enum
import fcntl
import io
import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from data import errors
from data.files import atomic, read_back, spreadsheet
from data.layout import names
from data.sources import label_cells
from data.splits import folder

HEADER = ["path", "sha256", "old", "new", "by", "when", "why", "action"]
MAX_ROWS = 1_000_000
MAX_BYTES = 1 << 30
MAX_PATH_CHARACTERS = 4 * 4096  # bytes that are no UTF-8 are written as four characters
MAX_CHARACTERS = 4096  # of the labels of an image
MAX_WORDS = 500  # characters of who decided, and of why
WHAT = "list of corrections"
_SHA256 = re.compile("[0-9a-f]{64}")
_NAMED_PROBLEMS = 5
_BEGIN = ",".join(HEADER).encode()


class Action(str, enum.Enum):
    """What a person decided about an image; the values are codes in the file."""

    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"
    NOT_SURE = "not_sure"


@dataclass(frozen=True)
class Decision:
    """One decision.

    Attributes:
      path: the image when it was decided about, relative to the data folder; for people.
      sha256: of the file's bytes, in hex; this finds the image.
      old: the labels that it had.
      new: the labels that it shall have; those it had unless the action is to relabel.
      by: who decided.
      when: the time in UTC, as ISO 8601 to the second.
      why: the reason, in the person's words; may be empty.
      action: what was decided.
    """

    path: str
    sha256: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    by: str
    when: str
    why: str
    action: Action

    def row(self) -> list[str]:
        """Returns the cells of its row."""
        new = labels_cell(self.new) if self.action is Action.RELABEL else ""
        cells = [folder.printable(self.path), self.sha256, labels_cell(self.old), new]
        cells += [self.by, self.when, self.why, self.action.value]
        return [spreadsheet.guarded(cell) for cell in cells]


def now() -> str:
    """Returns the time as decisions have it."""
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def labels_cell(labels: Sequence[str]) -> str:
    """Returns the labels of an image as a cell: a name, or a JSON list unless there is one."""
    if len(labels) == 1 and labels[0] and not labels[0].startswith("["):
        return labels[0]
    return json.dumps(list(labels), ensure_ascii=False)


def parse_labels(cell: str) -> tuple[str, ...]:
    """Reads what :func:`labels_cell` wrote.

    Raises:
      ValueError, read_back.ReadError: it is no name of a class and no list of distinct ones.
    """
    found = [cell]
    if cell.startswith("["):
        found = read_back.from_json(cell, "labels", list)
    if any(type(name) is not str or not _is_name(name) for name in found):
        raise ValueError(f"{cell!r:.80} names no classes")
    if len(set(map(names.canonical, found))) < len(found):
        raise ValueError(f"{cell!r:.80} names a class twice")
    return tuple(map(names.canonical, found))


class Log:
    """The file of corrections of one model.

    Every change replaces the file as a whole, so a reader finds it as it was before or after. Several
    processes may change it at once.

    Args:
      path: the file; it and its folder are made by the first decision.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self, rows: int | None = None) -> list[Decision]:
        """Reads the decisions, the oldest first; none if there is no file.

        Args:
          rows: how many of the oldest to return; None: all.

        Raises:
          errors.DataError: the file is damaged; names the first lines that cannot be used.
        """
        try:
            found = read_back.csv_rows(self.path, WHAT, _decisions, self._remedy, MAX_BYTES)
        except read_back.AbsentError:
            return []
        return found if rows is None else found[:rows]

    def append(self, decisions: Sequence[Decision]) -> None:
        """Adds decisions, all or none.

        Raises:
          errors.DataError: one cannot be stored, or the file is full; nothing is written.
        """
        problems = [problem for one in decisions for problem in _problems(one)]
        if problems:
            raise errors.DataError(*dict.fromkeys(problems))
        with self._changing() as old:
            if old.count(b"\n") + len(decisions) > MAX_ROWS:
                raise errors.DataError(
                    f"{self.path} has room for {MAX_ROWS:,} corrections; export them as a manifest,"
                    " and begin another list."
                )
            added = _text([one.row() for one in decisions]).encode()
            self._replace((old or _text([HEADER]).encode()) + added)

    def undo(self, last: Decision) -> None:
        """Removes a decision, which must be the newest.

        Raises:
          errors.DataError: another one is the newest.
        """
        wanted = _text([last.row()]).encode()
        with self._changing() as old:
            if not old.endswith(b"\n" + wanted):
                raise errors.DataError(
                    f"The correction of {folder.printable(last.path)} is not the newest in"
                    f" {self.path} any more and was not removed; decide about the image again."
                )
            self._replace(old[: -len(wanted)])

    @property
    def _remedy(self) -> str:
        return atomic.remedy(self.path, "every correction would be lost")

    @contextmanager
    def _changing(self) -> Iterator[bytes]:
        """Yields the bytes of the file while no other process changes it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            try:
                found = read_back.content(self.path, WHAT, self._remedy, MAX_BYTES)
            except read_back.AbsentError:
                found = b""
            with read_back.reading(f"{WHAT} {self.path}", self._remedy):
                if found and not (found.startswith(_BEGIN) and found.endswith(b"\n")):
                    raise read_back.BrokenError("its first line or the end of its last is missing")
            yield found
        finally:
            os.close(descriptor)

    def _replace(self, content: bytes) -> None:
        with atomic.replacing(self.path, durable=True, backup=True) as temporary:
            temporary.write_bytes(content)


def _text(rows: Sequence[Sequence[str]]) -> str:
    buffer = io.StringIO()
    put = spreadsheet.exact(buffer)
    for row in rows:
        put(row)
    return buffer.getvalue()


def _decisions(rows: Iterator[list[str]]) -> list[Decision]:
    """Makes decisions of all rows; what is wrong with them is told at once."""
    header = next(rows, [])
    if header != HEADER:
        raise read_back.BrokenError(f"its header must be {','.join(HEADER)}; found {header!r:.200}")
    found, problems, bad = [], [], 0
    for number, row in enumerate(rows, 1):
        if number > MAX_ROWS:
            raise read_back.BrokenError(f"it has more than {MAX_ROWS:,} rows")
        try:
            found.append(_decision(row))
        except (ValueError, read_back.ReadError) as error:
            bad += 1
            if bad <= _NAMED_PROBLEMS:
                problems.append(f"correction {number}: {error}")
    if problems:
        more = f"; and {bad - len(problems):,} more" if bad > len(problems) else ""
        raise read_back.BrokenError(f"{'; '.join(problems)}{more}")
    return found


def _decision(row: list[str]) -> Decision:
    if len(row) != len(HEADER):
        raise ValueError(f"{len(row)} cells; {len(HEADER)} are needed")
    path, sha256, old, new, by, when, why, action = map(spreadsheet.unguarded, row)
    if action not in list(Action):
        allowed = ", ".join(one.value for one in Action)
        raise ValueError(f"the action {action!r:.80}; allowed are {allowed}")
    is_new = action == Action.RELABEL
    if bool(new) != is_new:
        raise ValueError(f"new is {new!r:.80} with the action {action}; only relabel needs it")
    before = parse_labels(old)
    after = parse_labels(new) if is_new else before
    made = Decision(path, sha256, before, after, by, when, why, Action(action))
    for problem in _problems(made):
        raise ValueError(problem)
    return made


def _problems(one: Decision) -> list[str]:
    """Returns what cannot be stored of a decision."""
    problems = []
    if not _SHA256.fullmatch(one.sha256):
        problems.append(f"the sha256 {one.sha256!r:.80} is not 64 hex digits")
    if not 0 < len(one.path) <= MAX_PATH_CHARACTERS:
        problems.append(
            f"a path has 1 to {MAX_PATH_CHARACTERS:,} characters; found {len(one.path):,}"
        )
    for labels in (one.old, one.new):
        if len(labels_cell(labels)) > MAX_CHARACTERS or not all(map(_is_name, labels)):
            problems.append(f"the labels {labels!r:.80} are no names of classes, or too many")
    for name, words in (("by", one.by), ("why", one.why)):
        if len(words) > MAX_WORDS or not label_cells.is_printable(words):
            problems.append(f"{name} has at most {MAX_WORDS} printable characters: {words!r:.80}")
    try:
        datetime.datetime.strptime(one.when, "%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        problems.append(f"the time {one.when!r:.80} is not of the form 2031-05-01T09:30:00Z")
    if one.action is Action.RELABEL and set(one.old) == set(one.new):
        problems.append(f"relabel changes nothing: {labels_cell(one.old)!r:.80}")
    return problems


def _is_name(name: str) -> bool:
    return bool(name) and label_cells.is_printable(name)
