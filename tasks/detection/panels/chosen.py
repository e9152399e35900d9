"""Selects the test images that the report shows, by their errors at the operating thresholds.

Dimension letters: N images.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from tasks.boxes import errors, geometry, rows
from tasks.boxes.errors import Kind
from tasks.detection.answers import Predictions
from tasks.pages import parts

# A detection without a true box and with at least this score may be an object that nobody marked.
CONFIDENT = 0.6
# An object that no detection overlaps by this much, however faint it is, may be no object.
SEEN_IOU = 0.3


@dataclass(frozen=True)
class Row:
    """One image: its path and place among the answers, and its errors.

    Attributes:
      path: by image/filename.
      place: among the answers.
      kinds: of each detection that is shown.
      objects: what became of each object.
      score: the highest score of what is listed.
      unseen: number of objects that no detection of any class and score overlaps.
    """

    path: str
    place: int
    kinds: tuple[Kind, ...]
    objects: tuple[Kind, ...]
    score: float = 0.0
    unseen: int = 0

    @property
    def errors(self) -> int:
        """Returns the number of wrong detections and missed objects."""
        fine = (Kind.RIGHT, Kind.IGNORED)
        return sum(kind not in fine for kind in (*self.kinds, *self.objects))


@dataclass(frozen=True)
class Cut:
    """One object or detection that is shown on its own.

    Attributes:
      path: of its image, by image/filename.
      crop: where it lies.
      words: what it is.
      order: the first of these are shown first.
    """

    path: str
    crop: parts.Crop
    words: str
    order: float


@dataclass(frozen=True)
class Chosen:
    """The test images that are shown.

    Attributes:
      worst: those with the most errors first.
      unmarked: those with a confident detection where no object is marked, best score first.
      unseen: those with a box in which nothing is found at all, most first.
      missed: objects that nothing finds, the largest first.
      false: detections without an object, the best score first.
      confused: detections on an object of another class, the best score first.
    """

    worst: list[Row]
    unmarked: list[Row]
    unseen: list[Row] = field(default_factory=list)
    missed: list[Cut] = field(default_factory=list)
    false: list[Cut] = field(default_factory=list)
    confused: list[Cut] = field(default_factory=list)

    def paths(self) -> set[str]:
        """Returns all of them, by image/filename."""
        rows = {row.path for row in (*self.worst, *self.unmarked, *self.unseen)}
        return rows | {cut.path for cut in self.cuts}

    @property
    def cuts(self) -> list[Cut]:
        """Returns what is shown on its own."""
        return [*self.missed, *self.false, *self.confused]

    def crops(self, path: str) -> list[parts.Crop]:
        """See the protocol: in the order of :attr:`cuts`."""
        return [cut.crop for cut in self.cuts if cut.path == path]

    def explained(self, _: str) -> tuple[str, ...]:
        """See the protocol: no heat maps are drawn."""
        return ()


def choose(found: Predictions, limits: parts.Limits) -> Chosen:
    """Selects the images to show from a model's answers."""
    listed = [_row(found, int(place)) for place in np.flatnonzero(found.valid)]
    most = min(limits.listed, limits.max_pictures // 6)
    worst = sorted((row for row in listed if row.errors), key=lambda row: (-row.errors, row.path))
    unmarked = sorted(
        (row for row in listed if row.score >= CONFIDENT), key=lambda row: (-row.score, row.path)
    )
    unseen = sorted((row for row in listed if row.unseen), key=lambda row: (-row.unseen, row.path))
    cuts: dict[Kind, list[Cut]] = {Kind.MISSED: [], Kind.FALSE: [], Kind.WRONG_CLASS: []}
    for place in np.flatnonzero(found.valid):
        for kind, cut in _cuts(found, int(place)):
            cuts[kind].append(cut)
    first = (sorted(some, key=lambda cut: (cut.order, cut.path))[:most] for some in cuts.values())
    return Chosen(worst[:most], unmarked[:most], unseen[:most], *first)


def _cuts(found: Predictions, place: int) -> Iterator[tuple[Kind, Cut]]:
    """Yields the missed objects, and the false and confused detections of an image."""
    objects, shown = found.objects[place], rows.shown(found.detections[place])
    kinds = _sorted(found, place)
    size = (int(found.sizes[place][0]), int(found.sizes[place][1]))

    def cut(row: np.ndarray, words: str, order: float) -> Cut:
        top, left, bottom, right = map(float, row[:4])
        return Cut(found.paths[place], parts.Crop((top, left, bottom, right), size), words, order)

    for one, kind in zip(objects, kinds.objects, strict=True):
        if kind is Kind.MISSED:
            share = (one[2] - one[0]) * (one[3] - one[1]) / max(1, size[0] * size[1])
            yield kind, cut(one, found.labels[int(one[4])], -float(share))
    for one, named, other in zip(shown, kinds.detections, kinds.other, strict=True):
        words = f"{found.labels[int(one[5])]} {one[4]:.2f}"
        if named is Kind.FALSE:
            yield named, cut(one, words, -float(one[4]))
        elif named is Kind.WRONG_CLASS:
            true = found.labels[int(objects[other][4])]
            yield named, cut(one, f"{words}, truly {true}", -float(one[4]))


def _sorted(found: Predictions, place: int) -> errors.Sorted:
    """Sorts what is shown of an image, and its objects, into kinds of errors."""
    shown = rows.found(rows.shown(found.detections[place]))
    return errors.sort(rows.truth(found.objects[place]), shown, np.zeros(len(found.labels) + 1))


def _row(found: Predictions, place: int) -> Row:
    shown = rows.found(rows.shown(found.detections[place]))
    kinds = _sorted(found, place)
    named = tuple(kind for kind in kinds.detections if kind is not None)
    false = [
        score
        for score, kind in zip(shown.scores, named, strict=True)
        if kind in (Kind.FALSE, Kind.WRONG_CLASS)
    ]
    highest = float(max(false, default=0.0))
    return Row(
        found.paths[place], place, named, tuple(kinds.objects), highest, _unseen(found, place)
    )


def _unseen(found: Predictions, place: int) -> int:
    objects, everything = found.objects[place], found.detections[place]
    overlaps = geometry.iou(objects[:, :4], everything[:, :4])
    counts = (objects[:, 5] == 0) & (objects[:, 6] == 0)  # neither crowds nor difficult ones
    return int((counts & (overlaps.max(axis=1, initial=0.0) < SEEN_IOU)).sum())
