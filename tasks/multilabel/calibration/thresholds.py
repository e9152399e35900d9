"""Thresholds of the labels: which probabilities name a label.

Dimension letters: N images, K classes.
"""

from dataclasses import dataclass

import numpy as np

DEFAULT = 0.5
# With fewer images that have a label, or that have it not, its threshold stays at DEFAULT.
FEWEST_IMAGES = 5


@dataclass(frozen=True)
class Found:
    """Thresholds, and the labels that have none of their own.

    Attributes:
      thresholds: float32 [K] in 0–1; a label is named where its probability reaches it.
      too_few: indices of labels with too few images, whose threshold is DEFAULT.
      unreached: indices of labels that reach the wanted precision at no threshold; theirs is the
        one of the highest precision.
    """

    thresholds: np.ndarray
    too_few: tuple[int, ...]
    unreached: tuple[int, ...]


def find(
    probabilities: np.ndarray, targets: np.ndarray, min_precision: float | None = None
) -> Found:
    """Finds for each label the threshold of the highest F1 on held-out images.

    Args:
      probabilities: float32 [N, K] in 0–1.
      targets: bool [N, K].
      min_precision: if given, the threshold of the highest recall among those of at least this
        precision, in 0–1.
    """
    count, classes = probabilities.shape
    found = np.full(classes, DEFAULT, np.float32)
    too_few, unreached = [], []
    for label in range(classes):
        positives = int(targets[:, label].sum())
        if min(positives, count - positives) < FEWEST_IMAGES:
            too_few.append(label)
            continue
        scores = probabilities[:, label]
        found[label], is_reached = _threshold(scores, targets[:, label], min_precision)
        if not is_reached:
            unreached.append(label)
    return Found(found, tuple(too_few), tuple(unreached))


def _threshold(
    scores: np.ndarray, present: np.ndarray, min_precision: float | None
) -> tuple[np.float32, bool]:
    """Finds the threshold of one label, and whether the wanted precision is reached."""
    order = np.argsort(-scores, kind="stable")
    ranked, hits = scores[order], np.cumsum(present[order])
    # Equal scores fall on the same side of every threshold.
    cuts = np.flatnonzero(np.append(ranked[:-1] > ranked[1:], True))
    named = cuts + 1
    precision, recall = hits[cuts] / named, hits[cuts] / hits[-1]
    if min_precision is None:
        value = 2 * hits[cuts] / (named + hits[-1])
        is_reached = True
    else:
        is_reached = bool((precision >= min_precision).any())
        # Of equal recall, that of the higher precision.
        value = np.where(precision >= min_precision, recall + 1e-6 * precision, -1.0)
        if not is_reached:
            value = precision
    best = cuts[int(value.argmax())]
    lower = ranked[best + 1] if best + 1 < len(ranked) else np.float32(0)
    middle = np.float32((np.float64(ranked[best]) + np.float64(lower)) / 2)
    # Between neighbouring float32 there is no middle; the threshold then is the score itself.
    return (middle if middle > lower else ranked[best]), is_reached
