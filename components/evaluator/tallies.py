"""Computes all metrics from answers that arrive one by one."""

from collections.abc import Sequence

import numpy as np

from tasks import evaluate_config, metric

_TOGETHER = 256  # images in a batch


class Tallies:
    """The tallies of all metrics and a buffer of images that they lack yet; it can be pickled.

    Args:
      measurements: what to compute.
      config: the metrics' settings; ``top_k`` is at most K.
    """

    def __init__(
        self,
        measurements: Sequence[metric.Measurement],
        config: evaluate_config.EvaluateConfig,
    ) -> None:
        self._tallies = [measurement.tally(config) for measurement in measurements]
        self._new: list[tuple[np.ndarray, np.ndarray]] = []

    def add(self, target: np.ndarray, answer: np.ndarray) -> None:
        """Adds an image: a row of the targets and one of the answers, see ``metric.Tally``."""
        self._new.append((target, answer))
        if len(self._new) == _TOGETHER:
            self.compact()

    def compact(self) -> None:
        """Moves the buffered images into the tallies."""
        if self._new:
            targets, answers = zip(*self._new, strict=True)
            self._new = []
            for tally in self._tallies:
                tally.add(np.stack(targets), np.stack(answers))

    def merge(self, other: "Tallies") -> None:
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
