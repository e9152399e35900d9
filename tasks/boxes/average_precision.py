"""Average precision from the matches of all images, as COCO defines it, and its intervals.

Precision at a recall is the highest at that recall or above; AP is the mean over the recalls 0,
0.01, … 1. Images may have weights, so a bootstrap resamples images without matching again.

Source: pycocotools' COCOeval.accumulate, with which a test compares the results.

Dimension letters: N images, D detections of all images, A ranges of area, T thresholds of IoU, K
classes, R replicates.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tasks.boxes import matching

RECALLS = np.linspace(0, 1, 101)
_TINY = np.spacing(1)


@dataclass(frozen=True)
class Gathered:
    """The matches of all images, sorted by falling score.

    Attributes:
      scores, class_ids, images: [D]: score, class and image of each detection.
      hit, ignored: bool [A, T, D].
      positives: int [A, N, K].
    """

    scores: np.ndarray
    class_ids: np.ndarray
    images: np.ndarray
    hit: np.ndarray
    ignored: np.ndarray
    positives: np.ndarray


def gather(matches: Sequence[matching.Matches], class_count: int) -> Gathered:
    """Joins the matches of images; detections of equal scores stay in the order of the images."""
    areas = matches[0].hit.shape[0] if matches else len(matching.AREAS)
    thresholds = len(matching.IOU_THRESHOLDS)
    none = np.zeros((areas, thresholds, 0), bool)
    scores = np.concatenate([np.zeros(0), *(one.scores for one in matches)])
    order = np.argsort(-scores, kind="stable")
    images = np.repeat(np.arange(len(matches)), [len(one.scores) for one in matches])
    class_ids = np.concatenate([np.zeros(0, np.int64), *(one.class_ids for one in matches)])
    positives = [np.zeros((areas, 0, class_count), np.int64)]
    positives += [one.positives[:, None] for one in matches]
    return Gathered(
        scores=scores[order],
        class_ids=class_ids[order],
        images=images[order],
        hit=np.concatenate([none, *(one.hit for one in matches)], axis=2)[:, :, order],
        ignored=np.concatenate([none, *(one.ignored for one in matches)], axis=2)[:, :, order],
        positives=np.concatenate(positives, axis=1),
    )


def per_class(gathered: Gathered, weights: np.ndarray | None = None, area: int = 0) -> np.ndarray:
    """Computes the AP of each threshold and class.

    Args:
      gathered: the matches.
      weights: float [N], of images; None: all 1.
      area: the index of a range of area; 0: all.

    Returns:
      float64 [T, K] in 0–1; NaN for a class without an object that counts.
    """
    thresholds, classes = len(matching.IOU_THRESHOLDS), gathered.positives.shape[2]
    found = np.full((thresholds, classes), np.nan)
    for class_id in range(classes):
        positives = gathered.positives[area, :, class_id]
        total = float(positives.sum() if weights is None else positives @ weights)
        if total <= 0:
            continue
        here = gathered.class_ids == class_id
        weight = np.ones(here.sum()) if weights is None else weights[gathered.images[here]]
        hits, ignored = gathered.hit[area][:, here], gathered.ignored[area][:, here]
        for threshold in range(thresholds):
            found[threshold, class_id] = _precision(
                hits[threshold] * weight, (~ignored[threshold]) * weight, total
            )
    return found


def recalls(gathered: Gathered, area: int = 0) -> np.ndarray:
    """Computes the recall of all detections: float64 [T, K]; NaN as in :func:`per_class`."""
    thresholds, classes = len(matching.IOU_THRESHOLDS), gathered.positives.shape[2]
    hits = np.zeros((classes, thresholds))
    np.add.at(hits, gathered.class_ids, gathered.hit[area].T.astype(float))
    positives = gathered.positives[area].sum(axis=0).astype(float)
    with np.errstate(invalid="ignore"):
        return hits.T / np.where(positives > 0, positives, np.nan)  # type: ignore[no-any-return]


def mean(values: np.ndarray) -> float:
    """Averages over the classes that have objects; NaN if none has."""
    present = values[~np.isnan(values)]
    return float(present.mean()) if len(present) else float("nan")


def bootstrap(gathered: Gathered, weights: np.ndarray, threshold: int = 0) -> np.ndarray:
    """Computes the AP of each class for many weightings of the images.

    Args:
      gathered: the matches.
      weights: float [R, N].
      threshold: the index of a threshold of IoU; 0: 0.5.

    Returns:
      float64 [R, K]; NaN where the weighted images have no object of a class.
    """
    classes = gathered.positives.shape[2]
    found = np.full((len(weights), classes), np.nan)
    totals = weights @ gathered.positives[0]
    for class_id in range(classes):
        here = gathered.class_ids == class_id
        hit = gathered.hit[0, threshold, here]
        counted = ~gathered.ignored[0, threshold, here]
        images = gathered.images[here]
        for replicate, row in enumerate(weights):
            total, weight = float(totals[replicate, class_id]), row[images]
            if total > 0:
                found[replicate, class_id] = _precision(hit * weight, counted * weight, total)
    return found


def curve(
    gathered: Gathered, class_id: int, threshold: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Computes recall, precision and score after each counted detection of a class: [D] each."""
    here = gathered.class_ids == class_id
    counted = ~gathered.ignored[0, threshold, here]
    hits = np.cumsum(gathered.hit[0, threshold, here][counted])
    total = max(1, int(gathered.positives[0, :, class_id].sum()))
    precision = hits / np.arange(1, len(hits) + 1)
    return hits / total, precision, gathered.scores[here][counted]


def _precision(hits: np.ndarray, counted: np.ndarray, total: float) -> float:
    """Returns the mean interpolated precision of weighted detections, sorted by falling score."""
    return interpolated(np.cumsum(hits), np.cumsum(counted), total)


def interpolated(right: np.ndarray, all_counted: np.ndarray, total: float) -> float:
    """Computes AP from cumulated counts.

    Args:
      right: float [D], detections with this score or a higher one that are right.
      all_counted: float [D], the same of all that count.
      total: number of objects.
    """
    if not len(right):
        return 0.0
    recall, precision = right / total, right / (all_counted + _TINY)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, RECALLS, side="left")
    inside = places < len(envelope)
    return float(envelope[places[inside]].sum() / len(RECALLS))
