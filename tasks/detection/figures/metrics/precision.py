"""Average precision, and precision and recall at the operating threshold, of all objects.

Dimension letters: N images, K classes.
"""

from collections.abc import Mapping

import numpy as np

from tasks import evaluate_config, metric
from tasks.boxes import average_precision, matching, measures, rows
from tasks.detection.figures import counted

REPLICATES = 300


class Precision:
    """Accumulates the matches of images; what it computes does not depend on their order."""

    def __init__(self, _: evaluate_config.EvaluateConfig) -> None:
        self._images: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, targets: np.ndarray, answers: np.ndarray) -> None:
        """Adds images: objects of rows, see ``tasks.boxes.rows``."""
        self._images += list(zip(targets, answers, strict=True))

    def merge(self, other: "Precision") -> None:
        """Adds the images of another object."""
        self._images += other._images

    def values(self) -> Mapping[str, metric.Value]:
        """See ``metric.Tally``."""
        # Detections of equal scores are ranked by their images, which arrive in any order.
        images = sorted(self._images, key=lambda row: (row[0].tobytes(), row[1].tobytes()))
        headless = [rows.headless(answer) for _, answer in images]
        class_count = max((count for _, count in headless), default=0)
        without = [(one, other) for (one, _), (other, _) in zip(images, headless, strict=True)]
        pairs = [(rows.truth(one), rows.found(other)) for one, other in without]
        return _measured(pairs, class_count) | _at_threshold(without, class_count)


def _measured(pairs: list[measures.Pair], class_count: int) -> dict[str, metric.Value]:
    matches = [matching.match(*pair, class_count) for pair in pairs]
    gathered = average_precision.gather(matches, class_count)
    values = average_precision.per_class(gathered)
    weights = measures.bootstrap_weights(len(pairs), 0, REPLICATES)
    drawn = average_precision.bootstrap(gathered, weights)
    supports = gathered.positives[0].sum(axis=0)
    bounds = [
        measures.interval(values[0, k], drawn[:, k], int(supports[k])) for k in range(class_count)
    ]
    map50 = average_precision.mean(values[0])
    means = measures.mean_of_rows(drawn[:, supports > 0])
    sizes = {
        f"map_{name}": average_precision.mean(average_precision.per_class(gathered, area=index))
        for index, name in enumerate(matching.AREAS)
        if index
    }
    return {
        "map50": map50,
        "map75": average_precision.mean(values[5]),
        "map": average_precision.mean(values),
        "average_recall": average_precision.mean(average_precision.recalls(gathered)),
        **sizes,
        "ap50": values[0],
        "ap": values.mean(axis=0),
        counted.SUPPORT: supports.astype(float),
        counted.MEAN_BOUNDS: np.array(measures.interval(map50, means, int(supports.sum()))),
        counted.LOW: np.array([low for low, _ in bounds]),
        counted.HIGH: np.array([high for _, high in bounds]),
    }


def _at_threshold(
    images: list[tuple[np.ndarray, np.ndarray]], class_count: int
) -> dict[str, metric.Value]:
    shown = [(rows.truth(one), rows.found(rows.shown(other))) for one, other in images]
    counts = measures.count_kinds(shown, np.zeros(class_count))
    kinds = {kind: np.array([one[kind] for one in counts], np.float64) for kind in counted.KINDS}
    return {
        "precision": np.array([measures.precision_of(one) for one in counts]),
        "recall": np.array([measures.recall_of(one) for one in counts]),
        **{counted.column(kind): values for kind, values in kinds.items()},
    }


_NO_OBJECT = "there are no test objects of it"
_OF_SIZE = "mean AP of objects {}; undefined if there is none"

MEASUREMENT = metric.Measurement(
    metrics=(
        metric.Metric(
            "map50",
            "mAP50",
            "mean over the classes with objects of AP at an IoU of 0.5, as COCO defines it",
            automatic=lambda _: 0.3,
            automatic_text="0.3",
            intervals=counted.of_mean,
        ),
        metric.Metric("map75", "mAP75", "the same at an IoU of 0.75"),
        metric.Metric("map", "mAP", "the mean of mAP at IoUs of 0.5, 0.55, … 0.95"),
        metric.Metric(
            "average_recall",
            "average recall",
            "mean over classes and IoUs of the share of objects found by any of 100 detections",
        ),
        metric.Metric("map_small", "mAP small", _OF_SIZE.format("below 32² px")),
        metric.Metric("map_medium", "mAP medium", _OF_SIZE.format("from 32² to 96² px")),
        metric.Metric("map_large", "mAP large", _OF_SIZE.format("above 96² px")),
        metric.Metric(
            "ap50",
            "AP50",
            "average precision at an IoU of 0.5",
            by_class=True,
            undefined=_NO_OBJECT,
            intervals=counted.of_classes,
        ),
        metric.Metric(
            "ap",
            "AP",
            "average precision, the mean at IoUs of 0.5, 0.55, … 0.95",
            by_class=True,
            undefined=_NO_OBJECT,
        ),
        metric.Metric(
            "precision",
            "precision",
            "share of the detections at the operating threshold that are right, at an IoU of 0.5",
            by_class=True,
            undefined="nothing is detected at its operating threshold",
            intervals=counted.of_precision,
        ),
        metric.Metric(
            "recall",
            "recall",
            "share of the objects that a detection at the operating threshold finds, at an IoU of 0.5",
            by_class=True,
            undefined=_NO_OBJECT,
            intervals=counted.of_recall,
        ),
    ),
    tally=Precision,
    place=0,
    counts=counted.COUNTS,
)
