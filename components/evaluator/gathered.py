"""All metrics of answers that come one by one, piece by piece. Dimension letter: K classes."""

import numpy as np

from components.evaluator import config as evaluate_config
from components.evaluator import metric, registry

_TOGETHER = 256  # images are worked off so many at a time


class Gathered:
    """The tallies of every metric, and images that are not in them yet; it can be pickled.

    Args:
      config: how metrics are measured; ``top_k`` is at most K.
    """

    def __init__(self, config: evaluate_config.EvaluateConfig) -> None:
        self._tallies = [measurement.tally(config) for measurement in registry.measurements()]
        self._new: list[tuple[int, np.ndarray]] = []

    def add(self, label_id: int, probabilities: np.ndarray) -> None:
        """Takes an image in: its true class, and float [K] in 0–1, all 0 where nothing was predicted."""
        self._new.append((label_id, probabilities))
        if len(self._new) == _TOGETHER:
            self.compact()

    def compact(self) -> None:
        """Works off what came in one by one."""
        if self._new:
            label_ids, probabilities = zip(*self._new, strict=True)
            self._new = []
            for tally in self._tallies:
                tally.add(np.array(label_ids, np.int64), np.stack(probabilities))

    def merge(self, other: "Gathered") -> None:
        """Takes in what another one gathered; that one is not used any more."""
        self.compact()
        other.compact()
        for mine, others in zip(self._tallies, other._tallies, strict=True):
            mine.merge(others)

    def values(self) -> dict[str, metric.Value]:
        """Every metric by name; see ``metric.Tally.values``."""
        self.compact()
        found: dict[str, metric.Value] = {}
        for tally in self._tallies:
            found |= tally.values()
        return found
