"""What corrections do to the files of a data set: labels are replaced, images are left out.

A decision is about the bytes of a file that had certain labels. Of several about the same bytes and
labels the newest counts. Where the result has a newer decision in turn, that is followed too: a run
showed the corrected label, and a person corrected it again.
"""

import dataclasses
import enum
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from data.corrections import sentences
from data.corrections.decisions import Action, Decision, labels_cell
from data.images import decode, refusals
from data.splits import file_index, folder

_Labels = frozenset[str]


class Unmatched(str, enum.Enum):
    """Why a correction was not applied."""

    NO_SUCH_IMAGE = "no_such_image"
    OTHER_LABELS = "other_labels"


@dataclass(frozen=True)
class Relabelled:
    """An image whose labels were replaced.

    Attributes:
      path: relative to the data folder.
      split: the split that it is in.
      old: the labels that the data folder gives it.
      new: its labels now.
    """

    path: str
    split: str
    old: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True)
class Idle:
    """A correction that was not applied."""

    path: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    action: Action
    reason: Unmatched


@dataclass
class Applied:
    """What the corrections did, for the report of an ingest.

    Attributes:
      relabelled: the images with other labels than the data folder gives, sorted by path.
      dropped: number of files that were left out.
      settled: number of corrections that the data folder agrees with by now.
      idle: the corrections that no longer match.
    """

    relabelled: list[Relabelled] = field(default_factory=list)
    dropped: int = 0
    settled: int = 0
    idle: list[Idle] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """Counts the images with corrected labels of each split that has some."""
        return dict(sorted(Counter(one.split for one in self.relabelled).items()))

    def old_of(self, split: str) -> dict[str, tuple[str, ...]]:
        """Returns path → labels in the data folder, of the images of a split with other labels."""
        return {one.path: one.old for one in self.relabelled if one.split == split}

    def sentence(self) -> str:
        """Describes what was done in a few words; empty if there are no corrections."""
        return sentences.done(self.counts(), self.dropped, len(self.idle))


class _Row(NamedTuple):
    position: int
    decision: Decision


class Outcome(NamedTuple):
    """What the decisions about an image say.

    Attributes:
      labels: its labels.
      dropped: the decision to leave it out, if there is one.
      used: the positions of the decisions that were followed.
    """

    labels: tuple[str, ...]
    dropped: Decision | None
    used: tuple[int, ...]


class Corrections:
    """Decisions by what they are about.

    Args:
      decisions: the oldest first.
      any_labels: whether the labels that an image had do not matter: where masks or boxes are
        annotated, an image is accepted or dropped as a whole.
    """

    def __init__(self, decisions: Sequence[Decision], any_labels: bool = False) -> None:
        self._any_labels = any_labels
        self._rows: dict[str, dict[_Labels, _Row]] = defaultdict(dict)
        for position, one in enumerate(decisions):
            self._rows[one.sha256][self._key(one.old)] = _Row(position, one)

    def __bool__(self) -> bool:
        """Returns whether any image has other labels, or is left out."""
        return bool(self._effective())

    def __contains__(self, sha256: str) -> bool:
        """Returns whether anything was decided about a file."""
        return sha256 in self._rows

    def counts(self) -> Counter[Action]:
        """Counts the decisions that hold, by action."""
        return Counter(row.decision.action for rows in self._rows.values() for row in rows.values())

    @property
    def new_labels(self) -> set[str]:
        """Returns the labels that relabelled images have in the end."""
        ends = (self.of(one.sha256, one.old) for _, one in self._effective())
        return {name for end in ends if end.used and not end.dropped for name in end.labels}

    def key(self) -> str:
        """Returns a hash that changes with everything that the decisions do; empty if nothing."""
        digest = hashlib.sha256()
        effective = self._effective()
        about = {row.decision.sha256 for row in effective}
        for sha256 in sorted(about):
            # A decision to keep can end what an earlier one began, so order and all actions count.
            for _, one in sorted(self._rows[sha256].values(), key=lambda row: row.position):
                cells = (one.sha256, labels_cell(one.old), labels_cell(one.new), one.action.value)
                digest.update("\0".join(cells).encode() + b"\n")
        return digest.hexdigest()[:16] if effective else ""

    @property
    def extent(self) -> int:
        """Returns how many of the oldest decisions hold all that change something."""
        about = {row.decision.sha256 for row in self._effective()}
        positions = (row.position for sha256 in about for row in self._rows[sha256].values())
        return max(positions, default=-1) + 1

    def of(self, sha256: str, labels: tuple[str, ...]) -> Outcome:
        """Returns what the decisions say about an image.

        Args:
          sha256: of its file, in hex.
          labels: its labels in the data folder.
        """
        rows, used, last = self._rows.get(sha256, {}), [], -1
        while (row := rows.get(self._key(labels))) is not None and row.position > last:
            last = row.position
            used.append(last)
            if row.decision.action is Action.DROP:
                return Outcome(labels, row.decision, tuple(used))
            if row.decision.action is not Action.RELABEL or self._any_labels:
                break
            labels = tuple(sorted(row.decision.new))
        return Outcome(labels, None, tuple(used))

    def latest(self, sha256: str, labels: tuple[str, ...]) -> Decision | None:
        """Returns the newest decision about an image with these labels, whatever the action."""
        row = self._rows.get(sha256, {}).get(self._key(labels))
        return row.decision if row else None

    def unused(
        self, used: Collection[int], seen: Mapping[str, set[_Labels]]
    ) -> tuple[int, list[Idle]]:
        """Returns how many decisions that were not followed are settled, and those that are not.

        Args:
          used: the positions of those that were followed.
          seen: sha256 → the sets of labels that its files had, before and after.
        """
        settled, idle = 0, []
        for row in self._effective():
            one = row.decision
            if row.position in used:
                continue
            known = seen.get(one.sha256)
            if known and one.action is Action.RELABEL and frozenset(one.new) in known:
                settled += 1
                continue
            why = Unmatched.OTHER_LABELS if known else Unmatched.NO_SUCH_IMAGE
            idle.append(Idle(one.path, one.old, one.new, one.action, why))
        return settled, sorted(idle, key=lambda one: one.path)

    def _key(self, labels: Iterable[str]) -> _Labels:
        return frozenset() if self._any_labels else frozenset(labels)

    def _effective(self) -> list[_Row]:
        """Returns the decisions that change something."""
        changing = (Action.DROP,) if self._any_labels else (Action.DROP, Action.RELABEL)
        return [
            row
            for rows in self._rows.values()
            for row in rows.values()
            if row.decision.action in changing
        ]


@dataclass(frozen=True)
class Corrected:
    """The files of a listing as the corrections make them.

    Attributes:
      listing: the files, with their labels now.
      rows: path → row of the index; those of dropped images are rejected.
      old: path of each image with other labels → the labels that the data folder gives it.
      settled, idle: see :class:`Applied`.
    """

    listing: folder.Listing
    rows: Mapping[str, file_index.Row]
    old: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settled: int = 0
    idle: Sequence[Idle] = ()

    def applied(self, images: Iterable[tuple[str, str]]) -> Applied:
        """Returns the report.

        Args:
          images: path and split of each image that is used.
        """
        new = {file.path: file.labels for file in self.listing.files if file.path in self.old}
        relabelled = [
            Relabelled(path, split, self.old[path], new[path])
            for path, split in sorted(images)
            if path in new
        ]
        dropped = sum(
            isinstance(row.result, decode.Rejection) and row.result.reason == refusals.DROPPED
            for row in self.rows.values()
        )
        return Applied(relabelled, dropped, self.settled, list(self.idle))


def apply(
    listing: folder.Listing, rows: Mapping[str, file_index.Row], corrections: Corrections
) -> Corrected:
    """Applies corrections to the files of a listing, by their contents.

    Args:
      listing: the files, with the labels of the data folder.
      rows: path → row of the index.
      corrections: what was decided.
    """
    files, changed, old = [], dict(rows), {}
    used: set[int] = set()
    seen: dict[str, set[_Labels]] = defaultdict(set)
    for file in listing.files:
        row = rows.get(file.path)
        if row is None or row.sha256 not in corrections:
            files.append(file)
            continue
        said = corrections.of(row.sha256, file.labels)
        used.update(said.used)
        seen[row.sha256] |= {frozenset(file.labels), frozenset(said.labels)}
        if said.dropped and isinstance(row.result, decode.ImageInfo):
            reason = decode.Rejection(refusals.DROPPED, _detail(said.dropped))
            changed[file.path] = row._replace(result=reason)
        if set(said.labels) != set(file.labels) and not said.dropped:
            old[file.path] = file.labels
            file = dataclasses.replace(file, labels=said.labels)
        files.append(file)
    settled, idle = corrections.unused(used, seen)
    corrected = dataclasses.replace(listing, files=tuple(files))
    return Corrected(corrected, changed, old, settled, idle)


def _detail(one: Decision) -> str:
    return f"by {one.by}, {one.when}{': ' if one.why else ''}{one.why}"
