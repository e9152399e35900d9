"""Computes all metrics from answers that arrive one by one. Dimension letter: K classes."""

import numpy as np

from tasks import evaluate_config, metric
from tasks.classification.figures import registry

_TOGETHER = 256  # images in a batch


class Gathered:
    """The tallies of all metrics and a buffer of images that they lack yet; it can be pickled.

    Args:
      config: the metrics' settings; ``top_k`` is at most K.
    """

    def __init__(self, config: evaluate_config.EvaluateConfig) -> None:
        self._tallies = [measurement.tally(config) for measurement in registry.measurements()]
        self._new: list[tuple[int, np.ndarray]] = []

    def add(self, label_id: int, probabilities: np.ndarray) -> None:
        """Adds an image: its true class and float [K] in 0–1, all 0 without a prediction."""
        self._new.append((label_id, probabilities))
        if len(self._new) == _TOGETHER:
            self.compact()

    def compact(self) -> None:
        """Moves the buffered images into the tallies."""
        if self._new:
            label_ids, probabilities = zip(*self._new, strict=True)
            self._new = []
            for tally in self._tallies:
                tally.add(np.array(label_ids, np.int64), np.stack(probabilities))

    def merge(self, other: "Gathered") -> None:
        """Adds the tallies of another object, which must not be used afterwards."""
        self.compact()
        other.compact()
        for mine, others in zip(self._tallies, other._tallies, strict=True):
            mine.merge(others)

    def values(self) -> dict[str, metric.Value]:
        """Returns every metric by name, see ``metric.Tally.values``."""
        self.compact()
        found: dict[str, metric.Value] = {}
        for tally in self._tallies:
            found |= tally.values()
        return found
