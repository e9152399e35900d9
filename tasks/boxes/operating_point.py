"""The operating threshold of each class: detections with a lower score are not shown.

It is chosen on held-out images: the score at which F1 is highest, or the lowest score at which
precision reaches a floor. Dimension letters: K classes.
"""

from dataclasses import dataclass

import numpy as np

from tasks.boxes import average_precision

# For classes with fewer objects, the threshold of all classes together is used.
FEWEST_OBJECTS = 10
DEFAULT = 0.3


@dataclass(frozen=True)
class Point:
    """Operating point of a class at an IoU of 0.5.

    Attributes:
      threshold: the lowest score that is shown.
      precision, recall: at this threshold, in 0–1; NaN where they are not defined.
    """

    threshold: float
    precision: float
    recall: float


def fit(gathered: average_precision.Gathered, min_precision: float | None = None) -> np.ndarray:
    """Chooses the thresholds.

    Args:
      gathered: the matches of held-out images.
      min_precision: floor of the precision, in 0–1; None: the highest F1. Where no score reaches
        it, the score of the highest precision is chosen.

    Returns:
      float [K].
    """
    classes = gathered.positives.shape[2]
    together = average_precision.Gathered(
        gathered.scores,
        np.zeros_like(gathered.class_ids),
        gathered.images,
        gathered.hit,
        gathered.ignored,
        gathered.positives.sum(axis=2, keepdims=True),
    )
    common = _best(together, 0, min_precision)
    few = gathered.positives[0].sum(axis=0) < FEWEST_OBJECTS
    return np.array(
        [common if few[k] else _best(gathered, k, min_precision) for k in range(classes)]
    )


def at(gathered: average_precision.Gathered, class_id: int, threshold: float) -> Point:
    """Measures precision and recall of a class at a threshold."""
    recall, precision, scores = average_precision.curve(gathered, class_id)
    shown = int((scores >= threshold).sum())
    has_objects = bool(gathered.positives[0, :, class_id].sum())
    found = recall[shown - 1] if shown else 0.0
    return Point(
        threshold=threshold,
        precision=float(precision[shown - 1]) if shown else float("nan"),
        recall=float(found) if has_objects else float("nan"),
    )


def _best(
    gathered: average_precision.Gathered, class_id: int, min_precision: float | None
) -> float:
    recall, precision, scores = average_precision.curve(gathered, class_id)
    if not len(scores) or not recall[-1]:
        return DEFAULT
    # Only behind the last of equal scores does a threshold fall.
    ends = np.flatnonzero(np.append(scores[1:] < scores[:-1], True))
    recall, precision, scores = recall[ends], precision[ends], scores[ends]
    if min_precision is None:
        place = int(np.argmax(2 * precision * recall / np.maximum(precision + recall, 1e-12)))
    else:
        reached = np.flatnonzero(precision >= min_precision)
        place = int(reached[-1]) if len(reached) else int(np.argmax(precision))
    # Halfway to the next lower score, so that a model whose scores differ in the last digit agrees.
    lower = scores[place + 1] if place + 1 < len(scores) else scores[place]
    return float((scores[place] + lower) / 2)
