"""Recall at 1, 5 and 10, MAP@R and the median rank, on all test images and on held-out classes."""

from collections.abc import Mapping

import numpy as np

from tasks import evaluate_config, metric
from tasks.retrieval import ranks
from tasks.similarity.figures import counted
from tasks.statistics import intervals

MOST_AUTOMATIC = 0.5
PLACES = (1, 5, 10)


class Recalls:
    """Accumulates rows of :mod:`tasks.retrieval.ranks`.

    Args:
      config: confidence and resamples of the intervals that follow from no counts.
    """

    def __init__(self, config: evaluate_config.EvaluateConfig) -> None:
        self._config = config
        self._rows: list[np.ndarray] = []
        self._label_ids: list[np.ndarray] = []

    def add(self, label_ids: np.ndarray, rows: np.ndarray) -> None:
        """Adds images, see ``metric.Tally``.

        Args:
          label_ids: int [N], the true classes; −1: none is known, and the image does not count.
          rows: float [N, 6].
        """
        label_ids = np.asarray(label_ids, np.int64).reshape(-1)
        known = label_ids >= 0
        self._label_ids.append(label_ids[known])
        self._rows.append(np.asarray(rows, np.float64).reshape(-1, ranks.COLUMNS)[known])

    def merge(self, other: "Recalls") -> None:
        """Adds the images of another tally."""
        self._rows += other._rows
        self._label_ids += other._label_ids

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        rows = np.concatenate([np.zeros([0, ranks.COLUMNS]), *self._rows])
        label_ids = np.concatenate([np.zeros(0, np.int64), *self._label_ids])
        held_out = rows[rows[:, ranks.HELD_OUT] > 0]
        classes = int(rows[:, ranks.CLASSES].max(initial=0))
        support = np.bincount(label_ids, minlength=classes).astype(np.float64)
        hits = np.bincount(label_ids[rows[:, ranks.RANK] == 1], minlength=len(support))
        with np.errstate(invalid="ignore"):
            recall = np.where(support > 0, hits / np.maximum(support, 1), np.nan)
        # An image without a right one among those that are ranked comes after all that have one.
        found = np.where(rows[:, ranks.RANK] > 0, rows[:, ranks.RANK], np.inf)
        return {
            **{f"recall_at_{most}": ranks.recall(rows, most) for most in PLACES},
            "map_at_r": _mean(rows),
            "median_rank": float(np.median(found)) if len(found) else float("nan"),
            "held_out_recall_at_1": ranks.recall(held_out, 1),
            "held_out_map_at_r": _mean(held_out),
            "recall": recall,
            counted.SUPPORT: support,
            counted.HITS: hits.astype(np.float64),
            counted.HELD_OUT: np.array([float(len(held_out))]),
            counted.BOUNDS["map_at_r"]: self._of_mean(rows),
            counted.BOUNDS["held_out_map_at_r"]: self._of_mean(held_out),
            counted.BOUNDS["median_rank"]: np.array(
                intervals.median(found, self._config.confidence) or (np.nan, np.nan)
            ),
        }

    def _of_mean(self, rows: np.ndarray) -> np.ndarray:
        config = self._config
        found = intervals.mean(
            rows[:, ranks.PRECISION], config.confidence, config.bootstrap_samples
        )
        return np.array(found or (np.nan, np.nan))


def _mean(rows: np.ndarray) -> float:
    return float(rows[:, ranks.PRECISION].mean()) if len(rows) else float("nan")


def _automatic(class_count: int) -> float:
    return min(MOST_AUTOMATIC, 2 / class_count)


def _recall_at(most: int) -> metric.Metric:
    is_first = most == 1
    nearest = "nearest image" if is_first else f"{most} nearest images"
    return metric.Metric(
        f"recall_at_{most}",
        f"recall@{most}",
        f"share of images that have one of their class {'as' if is_first else 'among'} the {nearest} of"
        " the gallery",
        automatic=_automatic if is_first else None,
        automatic_text=f"twice that of guessing, at most {MOST_AUTOMATIC}" if is_first else "",
        intervals=counted.of_share,
    )


MEASUREMENT = metric.Measurement(
    metrics=(
        *map(_recall_at, PLACES),
        metric.Metric(
            "map_at_r",
            "MAP@R",
            "mean of AP@R: the precision at each right one of the R nearest images, summed and divided"
            " by R, the images of the class in the gallery (at most 1,000)",
            intervals=counted.bounds_of("map_at_r"),
        ),
        metric.Metric(
            "median_rank",
            "median rank",
            "median of the rank of the first right image; undefined if half of the images have none among"
            " those that are ranked",
            form=metric.Form.NUMBER,
            most=None,
            higher_is_better=False,
            intervals=counted.bounds_of("median_rank"),
        ),
        metric.Metric(
            "held_out_recall_at_1",
            "recall@1 of held-out classes",
            "the same on the images of classes that no projection is trained on; undefined without any",
            intervals=counted.of_held_out_share,
        ),
        metric.Metric(
            "held_out_map_at_r",
            "MAP@R of held-out classes",
            "likewise",
            intervals=counted.bounds_of("held_out_map_at_r"),
        ),
        metric.Metric(
            "recall",
            "recall",
            "share of the class's images whose nearest image is of the class",
            by_class=True,
            undefined="there are no test images of it",
            intervals=counted.of_classes,
        ),
    ),
    tally=Recalls,
    place=0,
    counts=counted.COUNTS,
)
