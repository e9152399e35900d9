"""Queues of images that a person should look at, the most doubtful first.

Dimension letters: N images, D embedding, K classes, Q cases of a queue.
"""

import enum
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from data.examples import catalog
from data.splits import duplicates
from pipeline.review import out_of_sample

OUTLIERS_SHARE = 0.02


class Kind(str, enum.Enum):
    """The queues; the values are codes in requests and links."""

    LABELS = "labels"
    CONFLICTS = "conflicts"
    NEAR = "near"
    OUTLIERS = "outliers"
    NEXT = "next"


TITLES = {
    Kind.LABELS: "Likely label errors",
    Kind.CONFLICTS: "One image, several labels",
    Kind.NEAR: "Near-duplicates across classes or splits",
    Kind.OUTLIERS: "Outliers",
    Kind.NEXT: "What to label next",
}


@dataclass(frozen=True)
class Queue:
    """Cases, the most doubtful first.

    Attributes:
      kind: what they have in common.
      members: the images of each case by their numbers, the one that is decided about first.
      scores: float [Q], how doubtful each is; what it means depends on the kind.
    """

    kind: Kind
    members: Sequence[tuple[int, ...]]
    scores: np.ndarray

    @property
    def firsts(self) -> np.ndarray:
        """Returns the image that each case is about, int [Q]."""
        return np.array([case[0] for case in self.members], np.int64)

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns all images of all cases in a row, and where each case begins, int [Q]."""
        sizes = np.array([len(case) for case in self.members], np.int64)
        numbers = np.array([number for case in self.members for number in case], np.int64)
        return numbers, np.cumsum(sizes) - sizes


@dataclass(frozen=True)
class Images:
    """What is known of the images.

    Attributes:
      images: the catalog.
      presence: bool [N, K], their labels.
      near: pairs of near-duplicates: distance in bits, image, image.
      embeddings: float [N, D]; None without a model.
      answers: about the images, out of sample; None without embeddings, or without labels of images.
      one: whether an image has exactly one label.
    """

    images: Sequence[catalog.Image]
    presence: np.ndarray
    near: Sequence[tuple[int, int, int]]
    embeddings: np.ndarray | None = None
    answers: out_of_sample.Answers | None = None
    one: bool = True

    @property
    def probabilities(self) -> np.ndarray | None:
        """Returns the answers, float [N, K]; None without."""
        return None if self.answers is None else self.answers.probabilities


def near_pairs(images: Sequence[catalog.Image], distance: int) -> list[tuple[int, int, int]]:
    """Returns near-duplicates, copies too: (distance in bits, image, image)."""
    if not images:
        return []
    sides = [min(image.info.height, image.info.width) for image in images]
    return duplicates.find_pairs([image.info.phash for image in images], sides, distance)


def groups(images: Sequence[catalog.Image], near: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Returns a number for each image, int [N]: the same for copies and near-duplicates."""
    first: dict[str, int] = {}
    links = [(one, other) for _, one, other in near]
    links += [
        (first.setdefault(image.sha256, number), number) for number, image in enumerate(images)
    ]
    return np.array(duplicates.group(len(images), links), np.int64)


def build(found: Images) -> dict[Kind, Queue]:
    """Returns the queues that have cases, or could have some."""
    made = {kind: make(found) for kind, make in _MAKERS.items()}
    return {kind: queue for kind, queue in made.items() if queue is not None}


def _labels(found: Images) -> Queue | None:
    if found.probabilities is None or found.presence.shape[1] < 2:
        return None
    doubts, _ = out_of_sample.suspicion(found.probabilities, found.presence, found.one)
    order = np.argsort(-doubts, kind="stable")
    order = order[doubts[order] > 0]
    return Queue(Kind.LABELS, [(int(number),) for number in order], doubts[order])


def _conflicts(found: Images) -> Queue:
    copies: dict[str, list[int]] = defaultdict(list)
    for number, image in enumerate(found.images):
        copies[image.sha256].append(number)
    cases = [
        tuple(members)
        for members in copies.values()
        if len({frozenset(found.images[one].labels) for one in members}) > 1
    ]
    return Queue(Kind.CONFLICTS, cases, np.ones(len(cases)))


def _near(found: Images) -> Queue:
    cases, scores = [], []
    for distance, one, other in found.near:
        first, second = found.images[one], found.images[other]
        is_apart = set(first.labels) != set(second.labels) or first.split != second.split
        if is_apart and first.sha256 != second.sha256:
            cases.append(_doubtful_first(found, one, other))
            scores.append(1 - distance / 256)
    return Queue(Kind.NEAR, cases, np.array(scores))


def _doubtful_first(found: Images, one: int, other: int) -> tuple[int, int]:
    if found.probabilities is None:
        return one, other
    pair = [one, other]
    given = np.where(found.presence[pair], found.probabilities[pair], 0).max(1)
    return (other, one) if given[1] < given[0] else (one, other)


def _outliers(found: Images) -> Queue | None:
    if found.embeddings is None:
        return None
    far = out_of_sample.outlyingness(found.embeddings, found.presence)
    order = np.argsort(-far, kind="stable")[: int(np.ceil(OUTLIERS_SHARE * len(far)))]
    return Queue(Kind.OUTLIERS, [(int(number),) for number in order], far[order])


_MAKERS: dict[Kind, Callable[[Images], Queue | None]] = {
    Kind.LABELS: _labels,
    Kind.CONFLICTS: _conflicts,
    Kind.NEAR: _near,
    Kind.OUTLIERS: _outliers,
}
