"""Selects the test images that the report shows, by their errors at the operating thresholds.

Dimension letters: N images.
"""

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
class Chosen:
    """The test images that are shown.

    Attributes:
      worst: those with the most errors first.
      unmarked: those with a confident detection where no object is marked, best score first.
      unseen: those with a box in which nothing is found at all, most first.
    """

    worst: list[Row]
    unmarked: list[Row]
    unseen: list[Row] = field(default_factory=list)

    def paths(self) -> set[str]:
        """Returns all of them, by image/filename."""
        return {row.path for row in (*self.worst, *self.unmarked, *self.unseen)}

    def explained(self, _: str) -> tuple[str, ...]:
        """See the protocol: no heat maps are drawn."""
        return ()


def choose(found: Predictions, limits: parts.Limits) -> Chosen:
    """Selects the images to show from a model's answers."""
    listed = [_row(found, int(place)) for place in np.flatnonzero(found.valid)]
    most = min(limits.listed, limits.max_pictures // 3)
    worst = sorted((row for row in listed if row.errors), key=lambda row: (-row.errors, row.path))
    unmarked = sorted(
        (row for row in listed if row.score >= CONFIDENT), key=lambda row: (-row.score, row.path)
    )
    unseen = sorted((row for row in listed if row.unseen), key=lambda row: (-row.unseen, row.path))
    return Chosen(worst[:most], unmarked[:most], unseen[:most])


def _row(found: Predictions, place: int) -> Row:
    shown = rows.found(rows.shown(found.detections[place]))
    kinds = errors.sort(rows.truth(found.objects[place]), shown, np.zeros(len(found.labels) + 1))
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
