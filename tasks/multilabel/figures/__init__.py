"""The figures of multi-label classification: its metrics, each defined once, and their result.

Targets are 1 for a true label, float32 [N, K]; answers are probabilities, and 1 for a label that
is given, float32 [N, 2, K]. An image without a valid answer counts as one without labels.
Dimension letters: N images, K labels.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tasks import collecting, evaluate_config, registry
from tasks.multilabel.figures import metrics, result
from tasks.multilabel.figures.label_counts import NAMES, LabelCounts
from tasks.statistics import averages


class Figures(registry.Registry):
    """See ``judging.Figures``."""

    label_key = "targets"
    prediction_key = "answers"
    has_confusion = False
    share_right = "subset_accuracy"
    survives_corruption: Literal["every", "unmoving", "none"] = "every"
    settings: frozenset[str] = frozenset()

    def target(self, label: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.asarray(label, np.float32).reshape(-1)

    def answer(self, prediction: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.asarray(prediction, np.float32).reshape(2, -1)

    def collect(
        self,
        labels: list[str],
        config: evaluate_config.EvaluateConfig,
        whole: collecting.Measured,
        parts: Iterable[collecting.Part],
    ) -> result.Result:
        """See ``judging.Figures``."""

        def counted(measured: collecting.Measured) -> LabelCounts:
            found = [np.asarray(measured.values[name], np.float64) for name in NAMES]
            rows = [row if row.size else np.zeros(len(labels)) for row in found]
            return LabelCounts(*(row.astype(np.int64) for row in rows), images=measured.count)

        collector = collecting.Collector(self, counted, labels, config)
        support = counted(whole).support
        return result.Result(
            labels=labels,
            confidence=config.confidence,
            example_count=whole.count,
            figures=collector.of_whole(whole),
            per_class=collector.per_class(whole),
            slices=collector.slices(parts),
            averages=averages.averages(counted(whole), labels),
            without_images=[name for name, count in zip(labels, support, strict=True) if not count],
        )


FIGURES = Figures(metrics)
