"""Selects images for review: wrong and missed labels, and annotations that may be wrong.

All functions expect answers whose columns follow the label map of the data, see
``Answered.aligned``. Images that the model could not read are in no list.

Dimension letters: N images, K labels.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from cleanlab import filter as confident_learning

from tasks.multilabel import answers as multilabel
from tasks.pages import parts

# For each label that is checked, this many images must have it, and lack it.
MIN_EITHER = 2


@dataclass(frozen=True)
class Row:
    """One label of one image.

    Attributes:
      path: the file, as in image/filename.
      label: the label in question.
      probability: its probability, in 0–1.
      threshold: its threshold, in 0–1.
      annotated: the labels that the image is annotated with.
      predicted: the labels that the model gives it.
    """

    path: str
    label: str
    probability: float
    threshold: float
    annotated: tuple[str, ...]
    predicted: tuple[str, ...]


@dataclass(frozen=True)
class Chosen(parts.WholeImages):
    """The test images that are shown.

    Attributes:
      false_alarms: labels that the model gives wrongly, by falling probability.
      misses: labels that the model misses, by rising probability.
      doubtful: labels whose probability is closest to the threshold.
      missing: labels that the annotation likely lacks.
      wrong: labels that the annotation likely has wrongly.
      missing_count, wrong_count: their numbers, shown or not.
    """

    false_alarms: list[Row]
    misses: list[Row]
    doubtful: list[Row]
    missing: list[Row]
    wrong: list[Row]
    missing_count: int
    wrong_count: int

    def paths(self) -> set[str]:
        """Returns all of them, by image/filename."""
        return set(self._labels)

    def explained(self, path: str) -> list[str]:
        """Returns the labels in question of an image."""
        return self._labels.get(path, [])

    @functools.cached_property
    def _labels(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for row in (*self.false_alarms, *self.misses, *self.doubtful, *self.missing, *self.wrong):
            labels = found.setdefault(row.path, [])
            if row.label not in labels:
                labels.append(row.label)
        return found


def choose(found: multilabel.Predictions, limits: parts.Limits) -> Chosen:
    """Selects the images to show from a model's answers."""
    has, gives = found.truths, found.given
    valid = found.valid[:, None]
    margin = np.abs(found.probabilities - found.thresholds)
    missing, wrong = annotation_errors(found)

    def listed(pairs: np.ndarray) -> list[Row]:
        return rows(found, pairs[: limits.listed])

    return Chosen(
        false_alarms=listed(_ordered(gives & ~has & valid, -found.probabilities)),
        misses=listed(_ordered(has & ~gives & valid, found.probabilities)),
        doubtful=listed(_ordered(np.broadcast_to(valid, has.shape), margin)),
        missing=listed(missing),
        wrong=listed(wrong),
        missing_count=len(missing),
        wrong_count=len(wrong),
    )


def annotation_errors(found: multilabel.Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Finds labels that the annotation likely lacks, and those that it likely has wrongly.

    Each label is a question of its own, has it or not: an answer is listed where the annotation
    is improbable and the opposite is at least as probable as it is, on average, for the images
    annotated with the opposite. The model must not have been trained on the images.

    Source: confident learning, Northcutt et al., 2021, https://arxiv.org/abs/1911.00068, by
    cleanlab; one against the rest, as in Thyagarajan et al., 2022,
    https://arxiv.org/abs/2211.13895.

    Returns:
      Two arrays int64 [M, 2] of image and label, the likeliest errors first.
    """
    usable = np.flatnonzero(found.valid)
    pairs, chances = [], []
    for label_id in range(len(found.labels)):
        has = found.truths[usable, label_id].astype(np.int64)
        if min(has.sum(), len(has) - has.sum()) < MIN_EITHER:
            continue
        rate = found.probabilities[usable, label_id].astype(np.float64)
        rate = np.clip(rate, np.finfo(np.float32).tiny, 1 - np.finfo(np.float32).eps)
        both = np.stack([1 - rate, rate], 1)
        # More processes would each import everything, for milliseconds of work.
        issues = confident_learning.find_label_issues(
            labels=has, pred_probs=both, filter_by="confident_learning", n_jobs=1
        )
        own = np.flatnonzero(issues)
        pairs.append(np.stack([usable[own], np.full(len(own), label_id)], 1))
        chances.append(both[own, has[own]])
    if not pairs:
        return np.zeros([0, 2], np.int64), np.zeros([0, 2], np.int64)
    joined = np.concatenate(pairs)[np.argsort(np.concatenate(chances), kind="stable")]
    annotated = found.truths[joined[:, 0], joined[:, 1]]
    return joined[~annotated], joined[annotated]


def rows(found: multilabel.Predictions, pairs: np.ndarray) -> list[Row]:
    """Returns the rows of pairs of image and label, int64 [M, 2]."""
    return [
        Row(
            path=found.paths[image],
            label=found.labels[label_id],
            probability=float(found.probabilities[image, label_id]),
            threshold=float(found.thresholds[label_id]),
            annotated=_names(found.labels, found.truths[image]),
            predicted=_names(found.labels, found.given[image]),
        )
        for image, label_id in pairs.tolist()
    ]


def _names(labels: Sequence[str], flags: np.ndarray) -> tuple[str, ...]:
    return tuple(labels[index] for index in np.flatnonzero(flags))


def _ordered(where: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Returns the places of true flags, int64 [M, 2], by ascending key of the same shape."""
    places = np.argwhere(where)
    return places[np.argsort(key[where], kind="stable")]
