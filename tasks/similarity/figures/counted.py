"""What the intervals of a search's figures are computed from. Dimension letter: K classes."""

from dataclasses import dataclass

import numpy as np

from tasks import collecting, evaluate_config, metric
from tasks.statistics import intervals

SUPPORT, HITS = "queries", "hits_at_1"
HELD_OUT = "held_out_queries"
# Bounds of figures that are no rates, float [2].
BOUNDS = {name: f"{name}_bounds" for name in ("map_at_r", "held_out_map_at_r", "median_rank")}
COUNTS = (SUPPORT, HITS, HELD_OUT, *BOUNDS.values())


@dataclass(frozen=True)
class Counted:
    """Counts and bounds.

    Attributes:
      support: int64 [K], test images.
      hits: int64 [K], those whose nearest image is right.
      held_out: test images of held-out classes.
      bounds: metric → float [2].
    """

    support: np.ndarray
    hits: np.ndarray
    held_out: int
    bounds: dict[str, np.ndarray]

    @property
    def total(self) -> int:
        """Returns the number of test images."""
        return int(self.support.sum())


def of(measured: collecting.Measured, classes: int) -> Counted:
    """Reads the counts of what was measured."""

    def values(name: str, size: int) -> np.ndarray:
        found = np.asarray(measured.values[name], np.float64).reshape(-1)
        return found if found.size == size else np.full(size, np.nan)

    def whole(name: str) -> np.ndarray:
        return np.rint(np.nan_to_num(values(name, classes))).astype(np.int64)

    held_out = values(HELD_OUT, 1)
    return Counted(
        support=whole(SUPPORT),
        hits=whole(HITS),
        held_out=int(np.nan_to_num(held_out)[0]),
        bounds={name: values(key, 2) for name, key in BOUNDS.items()},
    )


def of_share(
    value: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns Wilson's interval of a share of all test images, from its value [1]."""
    return [_of_share(float(value[0]), counts.total, config.confidence)]


def of_held_out_share(
    value: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns Wilson's interval of a share of the test images of held-out classes."""
    return [_of_share(float(value[0]), counts.held_out, config.confidence)]


def of_classes(
    _: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns Wilson's interval of each class's recall."""
    return intervals.wilsons(counts.hits, counts.support, config.confidence)


def bounds_of(name: str) -> metric.MakeIntervals:
    """Returns what reads the interval of a metric that was resampled in its tally."""

    def read(
        _: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
    ) -> list[intervals.Interval | None]:
        low, high = counts.bounds[name]
        if not (np.isfinite(low) and np.isfinite(high)):
            return [None]
        return [intervals.Interval(float(low), float(high))]

    return read


def _of_share(value: float, total: int, confidence: float) -> intervals.Interval | None:
    return intervals.wilson(round(value * total), total, confidence) if total else None
