"""The figures of classification: its metrics, each defined once, and the result of an evaluation.

Targets are the true classes, int64 [N]; answers are probabilities, float32 [N, K].
Dimension letters: N images, K classes.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from data.examples import feature_names
from tasks import collecting, evaluate_config, registry
from tasks.classification.figures import metrics, result
from tasks.statistics import averages, counts


class Figures(registry.Registry):
    """See ``judging.Figures``."""

    label_key = feature_names.CLASS_LABEL
    prediction_key = "probabilities"
    has_confusion = True
    share_right = "accuracy"
    survives_corruption: Literal["every", "unmoving", "none"] = "every"
    settings = frozenset({"top_k"})

    def target(self, label: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.int64(np.asarray(label).item())  # type: ignore[return-value]

    def answer(self, prediction: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return prediction.reshape(-1)

    def collect(
        self,
        labels: list[str],
        config: evaluate_config.EvaluateConfig,
        whole: collecting.Measured,
        parts: Iterable[collecting.Part],
    ) -> result.Result:
        """See ``judging.Figures``."""
        collector = collecting.Collector(self, _counted, labels, config)
        return result.Result(
            labels=labels,
            confidence=config.confidence,
            example_count=whole.count,
            top_k=config.for_classes(len(labels)).top_k,
            figures=collector.of_whole(whole),
            averages=averages.averages(_counted(whole), labels),
            per_class=collector.per_class(whole),
            confusion=whole.confusion.tolist(),
            slices=collector.slices(parts),
        )


def _counted(measured: collecting.Measured) -> counts.Counts:
    return counts.Counts.of(measured.confusion)


FIGURES = Figures(metrics)
