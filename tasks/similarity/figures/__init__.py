"""The figures of a search: its metrics, each defined once, and the result of an evaluation.

Targets are the true classes, int64 [N]; answers are rows of :mod:`tasks.retrieval.ranks`.
Dimension letters: N images, K classes.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tasks import collecting, evaluate_config, registry, result
from tasks.retrieval import ranks
from tasks.similarity.figures import counted, metrics


class Figures(registry.Registry):
    """See ``judging.Figures``."""

    # An image may have no class, and TFMA needs a label: the rows hold the class or −1.
    label_key = prediction_key = "retrieval"
    has_confusion = False
    share_right = "recall_at_1"
    survives_corruption: Literal["every", "unmoving", "none"] = "none"
    settings: frozenset[str] = frozenset()

    def target(self, label: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.int64(np.asarray(label).reshape(-1)[ranks.LABEL])  # type: ignore[return-value]

    def answer(self, prediction: np.ndarray) -> np.ndarray:
        """See ``judging.Figures``."""
        return np.asarray(prediction, np.float64).reshape(-1)

    def collect(
        self,
        labels: list[str],
        config: evaluate_config.EvaluateConfig,
        whole: collecting.Measured,
        parts: Iterable[collecting.Part],
    ) -> result.Result:
        """See ``judging.Figures``."""
        collector = collecting.Collector(
            self, lambda measured: counted.of(measured, len(labels)), labels, config
        )
        return result.Result(
            labels=labels,
            confidence=config.confidence,
            example_count=whole.count,
            figures=collector.of_whole(whole),
            per_class=collector.per_class(whole),
            slices=collector.slices(parts),
        )


FIGURES = Figures(metrics)
