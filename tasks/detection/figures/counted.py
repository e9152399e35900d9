"""What the intervals of figures are computed from. Dimension letter: K classes."""

from dataclasses import dataclass

import numpy as np

from tasks import collecting, evaluate_config
from tasks.boxes import errors
from tasks.statistics import intervals

SUPPORT = "objects"
KINDS = tuple(kind.value for kind in errors.Kind if kind is not errors.Kind.IGNORED)
# Bounds of map50, and of ap50 by class.
MEAN_BOUNDS, LOW, HIGH = "map50_bounds", "ap50_low", "ap50_high"


def column(kind: str) -> str:
    """Returns the name under which a kind of error is counted."""
    return f"{kind}_count"


COUNTS = (SUPPORT, MEAN_BOUNDS, LOW, HIGH, *(column(kind) for kind in KINDS))


@dataclass(frozen=True)
class Counted:
    """Counts and bounds.

    Attributes:
      support: int64 [K], objects.
      right, shown: int64 [K], detections at the operating threshold: the right ones, and all.
      mean_bounds: of map50, float [2].
      low, high: of ap50, float [K].
    """

    support: np.ndarray
    right: np.ndarray
    shown: np.ndarray
    mean_bounds: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def total(self) -> int:
        """Returns the number of objects."""
        return int(self.support.sum())


def of(measured: collecting.Measured) -> Counted:
    """Reads the counts of what was measured."""
    size = len(np.atleast_1d(measured.values[SUPPORT]))
    kinds = {kind: np.array(integers(measured, column(kind), size)) for kind in KINDS}
    missed = errors.Kind.MISSED.value
    return Counted(
        support=np.array(integers(measured, SUPPORT, size)),
        right=kinds[errors.Kind.RIGHT.value],
        shown=sum((kinds[kind] for kind in KINDS if kind != missed), np.zeros(size, int)),
        mean_bounds=_array(measured, MEAN_BOUNDS, 2),
        low=_array(measured, LOW, size),
        high=_array(measured, HIGH, size),
    )


def integers(measured: collecting.Measured, name: str, size: int) -> list[int]:
    """Returns a count for each class, 0 where nothing was measured."""
    return [int(value) for value in np.nan_to_num(_array(measured, name, size))]


def _array(measured: collecting.Measured, name: str, size: int) -> np.ndarray:
    values = np.asarray(measured.values[name], np.float64)
    return values if values.size == size else np.full(size, np.nan)


def of_mean(
    _: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns the interval of map50; always of 95 %."""
    return [_interval(*counts.mean_bounds)]


def of_classes(
    _: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns the interval of each class's ap50; always of 95 %."""
    return [_interval(low, high) for low, high in zip(counts.low, counts.high, strict=True)]


def of_recall(
    _: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns Wilson's interval of each class's recall."""
    rows = zip(counts.right.tolist(), counts.support.tolist(), strict=True)
    return [intervals.wilson(min(right, all_), all_, config.confidence) for right, all_ in rows]


def of_precision(
    _: np.ndarray, counts: Counted, config: evaluate_config.EvaluateConfig
) -> list[intervals.Interval | None]:
    """Returns Wilson's interval of each class's precision."""
    rows = zip(counts.right.tolist(), counts.shown.tolist(), strict=True)
    return [intervals.wilson(right, all_, config.confidence) for right, all_ in rows]


def _interval(low: float, high: float) -> intervals.Interval | None:
    return None if np.isnan(low) or np.isnan(high) else intervals.Interval(float(low), float(high))
