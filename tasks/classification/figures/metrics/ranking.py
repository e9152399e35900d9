"""Top-k accuracy, and each class's areas under the ROC and the precision-recall curve.

TFMA's own top-k accuracy counts an image without a prediction as correct.

Dimension letters: N images, K classes.
"""

from collections.abc import Mapping

import numpy as np

from tasks import metric
from tasks.statistics import areas, rate_intervals


class Ranking:
    """An accumulator of scores, from which top-k accuracy and areas are computed.

    Args:
      top_k: the number of most probable classes in which the true one is searched.
      exact_scores: the number of scores N·K that are kept unchanged.
    """

    def __init__(self, top_k: int, exact_scores: int = areas.EXACT_SCORES) -> None:
        self._top_k = top_k
        self._areas = areas.Areas(exact_scores)
        self._count = 0
        self._hits = 0

    def add(self, label_ids: np.ndarray, probabilities: np.ndarray) -> None:
        """Adds images, see ``metric.Tally``.

        Args:
          label_ids: int [N], the true classes.
          probabilities: float [N, K] in 0–1; all 0 without a prediction. NaN counts as 0.
        """
        scores = np.nan_to_num(probabilities.astype(np.float32)).clip(0, 1)
        self._count += len(label_ids)
        self._hits += int(hits(label_ids, scores, self._top_k).sum())
        self._areas.add(label_ids[:, None] == np.arange(scores.shape[1]), scores)

    def merge(self, other: "Ranking") -> None:
        """Adds the scores of another object, which must not be used afterwards."""
        self._count += other._count
        self._hits += other._hits
        self._areas.merge(other._areas)

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
        """Computes the areas of each class against all others, see ``areas.Areas.values``."""
        return self._areas.values()


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


_WITHOUT_OTHERS = "there must be test images of it and of other classes"

MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "top_k_accuracy",
            "top-{top_k} accuracy",
            "share of images whose class is among the k most probable (`evaluate.top_k`, 5; at"
            " most the number of classes)",
            intervals=rate_intervals.of_share,
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
