"""Top-k accuracy, and each class's areas under the ROC and the precision-recall curve.

TFMA's own metrics are not used. Its areas are computed at equidistant thresholds, between which
a confident classifier has most of its scores (off by 0.008 at 1,000 of them), and take minutes
for a hundred classes; its top-k accuracy counts an image without a prediction as correct.

Dimension letters: N images, K classes, T distinct scores.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from tasks import evaluate_config, metric
from tasks.statistics import counts, intervals

# Up to this many scores are kept unchanged, for exact areas: 16 MB. More are counted in bins of
# their log-odds, 0.014 wide, which changes an area under the ROC curve by at most 0.0002 and one
# under the other curve by at most 0.005. The float32 just below 1 has log-odds of 17.
EXACT_SCORES = 4_000_000
_BINS = 4096
_LOWEST, _HIGHEST = -40.0, 17.0


class Ranking:
    """An accumulator of scores, from which top-k accuracy and areas are computed.

    Args:
      top_k: the number of most probable classes in which the true one is searched.
      exact_scores: the number of scores N·K that are kept unchanged.
    """

    def __init__(self, top_k: int, exact_scores: int = EXACT_SCORES) -> None:
        self._top_k = top_k
        self._exact_scores = exact_scores
        self._count = 0
        self._hits = 0
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        self._bins: np.ndarray | None = None  # int64 [negative or positive, K, bin]

    def add(self, label_ids: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds images, see ``metric.Tally``.

        Args:
          label_ids: int [N], the true classes.
          probabilities: float [N, K] in 0–1; all 0 without a prediction. NaN counts as 0.
        """
        scores = np.nan_to_num(probabilities.astype(np.float32)).clip(0, 1)
        self._count += len(label_ids)
        self._hits += int(hits(label_ids, scores, self._top_k).sum())
        self._kept.append((label_ids, scores))
        self._limit()

    def merge(self, other: "Ranking") -> None:
        """Adds the scores of another object, which must not be used afterwards."""
        self._count += other._count
        self._hits += other._hits
        self._kept += other._kept
        if other._bins is not None:
            self._bins = other._bins + (0 if self._bins is None else self._bins)
        self._limit()

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        roc, precision_recall = self.areas()
        return {
            "top_k_accuracy": self.top_k_accuracy(),
            "auc": roc,
            "pr_auc": precision_recall,
        }

    def top_k_accuracy(self) -> float:
        """Returns the share of images with the true class in the ``top_k``; NaN without images."""
        return self._hits / self._count if self._count else float("nan")

    def areas(self) -> tuple[np.ndarray, np.ndarray]:
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
        label_ids, scores = _joined(self._kept)
        classes = scores.shape[1]
        if self._bins is None:
            self._bins = np.zeros([2, classes, _BINS], np.int64)
        with np.errstate(divide="ignore"):
            odds = np.log(scores) - np.log1p(-scores)
        width = (_HIGHEST - _LOWEST) / (_BINS - 1)
        places = ((odds.clip(_LOWEST, _HIGHEST) - _LOWEST) / width).round().astype(np.int64)
        columns = np.arange(classes)
        positive = label_ids[:, None] == columns
        flat = (positive * classes + columns) * _BINS + places
        self._bins += np.bincount(flat.ravel(), minlength=self._bins.size).reshape(self._bins.shape)
        self._kept = []


def hits(label_ids: np.ndarray, probabilities: np.ndarray, top_k: int) -> np.ndarray:
    """Flags images whose true class is among the ``top_k`` most probable; ties favour low ids.

    Args:
      label_ids: int [N]; an id outside the K columns is never a hit.
      probabilities: float [N, K]; a row of zeros has no prediction and is no hit.
      top_k: 1 compares with the most probable class alone.

    Returns:
      bool [N].
    """
    classes = probabilities.shape[1]
    inside = np.minimum(label_ids, classes - 1)[:, None]
    of_truth = np.take_along_axis(probabilities, inside, 1)
    before = (probabilities > of_truth) | (
        (probabilities == of_truth) & (np.arange(classes) < inside)
    )
    predicted = probabilities.max(1) > 0
    return (before.sum(1) < top_k) & predicted & (label_ids < classes)


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
    label_ids, scores = zip(*parts, strict=True)
    return np.concatenate(label_ids), np.concatenate(scores)


def _distinct(
    label_ids: np.ndarray, probabilities: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields each class's numbers of negatives and positives by distinct score, ascending."""
    for class_id in range(probabilities.shape[1]):
        positive = label_ids == class_id
        # Without positives and negatives nothing is defined, whatever the scores are.
        scores = probabilities[:, class_id] * (positive.any() and not positive.all())
        _, places = np.unique(scores, return_inverse=True)
        counts = np.bincount(2 * places + positive, minlength=2 * (int(places.max()) + 1))
        yield counts[0::2], counts[1::2]


def _of_top_k(
    value: np.ndarray, counted: counts.Counts, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    right = round(float(value[0]) * counted.total) if counted.total else 0
    return [intervals.wilson(right, counted.total, config.confidence)]


_WITHOUT_OTHERS = "there must be test images of it and of other classes"

MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "top_k_accuracy",
            "top-{top_k} accuracy",
            "share of images whose class is among the k most probable (`evaluate.top_k`, 5; at"
            " most the number of classes)",
            intervals=_of_top_k,
        ),
        metric.Metric(
            "auc",
            "AUC",
            "area under the ROC curve of the class's probability, the class against the rest",
            form=metric.Form.NUMBER,
            by_class=True,
            undefined=_WITHOUT_OTHERS,
        ),
        metric.Metric(
            "pr_auc",
            "PR-AUC",
            "area under its precision–recall curve: average precision, without interpolation",
            form=metric.Form.NUMBER,
            by_class=True,
            undefined=_WITHOUT_OTHERS,
        ),
    ),
    tally=lambda config: Ranking(config.top_k),
    place=1,
)
