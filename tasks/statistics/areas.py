"""Areas under the ROC and the precision–recall curve of each class, from scores in any order.

TFMA's own are computed at equidistant thresholds, between which a confident model has most of its
scores (off by 0.008 at 1,000 of them), and take minutes for a hundred classes.

Dimension letters: N images, K classes, T distinct scores.
"""

from collections.abc import Iterable, Iterator

import numpy as np

# Up to this many scores are kept unchanged, for exact areas: 16 MB. More are counted in bins of
# their log-odds, 0.014 wide, which changes an area under the ROC curve by at most 0.0002 and one
# under the other curve by at most 0.005. The float32 just below 1 has log-odds of 17.
EXACT_SCORES = 4_000_000
_BINS = 4096
_LOWEST, _HIGHEST = -40.0, 17.0


class Areas:
    """An accumulator of scores, from which areas are computed; it can be merged and pickled.

    Args:
      exact_scores: the number of scores N·K that are kept unchanged.
    """

    def __init__(self, exact_scores: int = EXACT_SCORES) -> None:
        self._exact_scores = exact_scores
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        self._bins: np.ndarray | None = None  # int64 [negative or positive, K, bin]

    def add(self, positive: np.ndarray, scores: np.ndarray) -> None:
        """Adds images: bool [N, K], true where an image has the class, and float32 [N, K] in 0–1."""
        self._kept.append((positive, scores))
        self._limit()

    def merge(self, other: "Areas") -> None:
        """Adds the scores of another object, which must not be used afterwards."""
        self._kept += other._kept
        if other._bins is not None:
            self._bins = other._bins + (0 if self._bins is None else self._bins)
        self._limit()

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Computes the areas of each class against all others, see :func:`area`.

        Returns:
          roc and precision_recall, both float64 [K], NaN where undefined; empty without images.
        """
        pairs: Iterable[tuple[np.ndarray, np.ndarray]] = ()
        if self._bins is not None:
            self._count_kept()
            pairs = zip(*self._bins, strict=True)
        elif self._kept:
            pairs = _distinct(*_joined(self._kept))
        found = np.array([area(negatives, positives) for negatives, positives in pairs])
        return tuple(found.reshape([-1, 2]).T)  # type: ignore[return-value]

    def _limit(self) -> None:
        if sum(scores.size for _, scores in self._kept) > self._exact_scores:
            self._count_kept()

    def _count_kept(self) -> None:
        """Moves the kept scores into the bins."""
        if not self._kept:
            return
        positive, scores = _joined(self._kept)
        classes = scores.shape[1]
        if self._bins is None:
            self._bins = np.zeros([2, classes, _BINS], np.int64)
        with np.errstate(divide="ignore"):
            odds = np.log(scores) - np.log1p(-scores)
        width = (_HIGHEST - _LOWEST) / (_BINS - 1)
        places = ((odds.clip(_LOWEST, _HIGHEST) - _LOWEST) / width).round().astype(np.int64)
        flat = (positive * classes + np.arange(classes)) * _BINS + places
        self._bins += np.bincount(flat.ravel(), minlength=self._bins.size).reshape(self._bins.shape)
        self._kept = []


def area(negatives: np.ndarray, positives: np.ndarray) -> tuple[float, float]:
    """Computes the areas under the ROC curve and under the precision-recall curve.

    ROC: the probability that a positive has a higher score than a negative, ties counting half.
    Precision-recall: average precision, the sum of precision × gain in recall over the distinct
    scores, without interpolation. Equal to scikit-learn's ``roc_auc_score`` and
    ``average_precision_score``.

    Args:
      negatives: [T], the number of negatives with each distinct score, in ascending order.
      positives: [T], the number of positives with each of these scores.

    Returns:
      Both in 0–1; NaN without positives or without negatives.
    """
    gained, false = positives[::-1].astype(float), negatives[::-1].astype(float)
    true_positives, called = gained.cumsum(), (gained + false).cumsum()
    pairs = gained.sum() * false.sum()
    if not pairs:
        return float("nan"), float("nan")
    below = ((true_positives - gained / 2) * false).sum()
    # No recall is gained before the first positive prediction.
    precision = true_positives / np.maximum(called, 1)
    return float(below / pairs), float((precision * gained).sum() / gained.sum())


def _joined(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    positive, scores = zip(*parts, strict=True)
    return np.concatenate(positive), np.concatenate(scores)


def _distinct(positive: np.ndarray, scores: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields each class's numbers of negatives and positives by distinct score, ascending."""
    for own, column in zip(positive.T, scores.T, strict=True):
        # Without positives and negatives nothing is defined, whatever the scores are.
        ranked = column * (own.any() and not own.all())
        _, places = np.unique(ranked, return_inverse=True)
        counts = np.bincount(2 * places + own, minlength=2 * (int(places.max()) + 1))
        yield counts[0::2], counts[1::2]
