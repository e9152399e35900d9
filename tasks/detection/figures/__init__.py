"""The figures of detection: average precision, recall and kinds of errors, and the result.

Targets and answers are one array a row of N images, of dtype object: the objects [G, 8] and the
detections [D, 7] of an image, see :mod:`tasks.boxes.rows`.
Dimension letters: N images, G objects, D detections, K classes.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tasks import collecting, evaluate_config, registry
from tasks.boxes import rows
from tasks.detection.figures import counted, metrics, result


class Figures(registry.Registry):
    """See ``judging.Figures``."""

    label_key = rows.OBJECTS
    prediction_key = rows.DETECTIONS
    has_confusion = False
    share_right = "map50"
    survives_corruption: Literal["every", "unmoving", "none"] = "none"
    settings: frozenset[str] = frozenset()

    def target(self, label: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return rows.boxed(rows.unpacked(label, rows.OBJECT_COLUMNS))

    def answer(self, prediction: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return rows.boxed(rows.unpacked(prediction, rows.DETECTION_COLUMNS))

    def collect(
        self,
        labels: list[str],
        config: evaluate_config.EvaluateConfig,
        whole: collecting.Measured,
        parts: Iterable[collecting.Part],
    ) -> result.Result:
        """See ``judging.Figures``."""
        collector = collecting.Collector(self, counted.of, labels, config)
        supports = counted.of(whole).support
        return result.Result(
            labels=labels,
            confidence=config.confidence,
            example_count=whole.count,
            figures=collector.of_whole(whole),
            per_class=collector.per_class(whole),
            slices=collector.slices(parts),
            kinds={
                kind: counted.integers(whole, counted.column(kind), len(labels))
                for kind in counted.KINDS
            },
            left_out=[name for name, count in zip(labels, supports, strict=True) if not count],
        )


FIGURES = Figures(metrics)
