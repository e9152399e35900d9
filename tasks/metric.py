"""The interface of a metric: defined once, it appears in TFMA's results, the gate and the pages.

A module in ``metrics/`` names its metrics and computes them from answers in one pass::

    MEASUREMENT = metric.Measurement(metrics=(metric.Metric("brier", "Brier score", "…", …),),
                                     tally=Brier)

Dimension letters: N images, K classes.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tasks import evaluate_config
from tasks.statistics import intervals

Value = float | np.ndarray
# (value, float64 [1] or [K]; the counts of the task; the settings) → an interval for each value.
MakeIntervals = Callable[
    [np.ndarray, Any, evaluate_config.EvaluateConfig], list[intervals.Interval | None]
]
LAST = 100


class Form(enum.Enum):
    """The form in which a value is shown."""

    RATE = "rate"  # in 0–1, shown in per cent
    NUMBER = "number"


class Tally(Protocol):
    """An accumulator of metrics that can be merged and pickled, for any number of machines."""

    def add(self, targets: np.ndarray, answers: np.ndarray, /) -> None:
        """Adds images.

        Args:
          targets: [N, ...], what is true of each image, as the task's figures have it.
          answers: float [N, ...], what a model answered; all 0 without an answer.
        """

    def merge(self, other: Any) -> None:
        """Adds the content of another tally, which must not be used afterwards."""

    def values(self) -> Mapping[str, Value]:
        """Returns the metrics by name: a number, or float [K] by class; NaN where undefined."""


@dataclass(frozen=True)
class Metric:
    """A figure of a model on labelled images.

    Attributes:
      name: in files and settings: ``gate.min_<name>``, or ``gate.max_<name>`` where less is better.
      title: the name on pages; ``{top_k}`` in it is filled in.
      definition: the definition in words, as in docs/evaluation.md.
      form: the form in which its values are shown.
      most: the largest possible value; None where there is none.
      by_class: true: each class has a value; false: the whole split has one.
      higher_is_better: true: the gate's limit is a minimum; false: a maximum.
      automatic: number of classes → the gate's default limit; None: no default limit.
      automatic_text: the default limit in words.
      undefined: the reason why a class has no value; ``{images}`` is the class's image count.
      intervals: computes confidence intervals; None where the metric has none.
    """

    name: str
    title: str
    definition: str
    form: Form = Form.RATE
    most: float | None = 1.0
    by_class: bool = False
    higher_is_better: bool = True
    automatic: Callable[[int], float] | None = None
    automatic_text: str = ""
    undefined: str = "the test images do not define it"
    intervals: MakeIntervals | None = None

    @property
    def is_rate(self) -> bool:
        """Returns true where the values are in 0–1 and shown in per cent."""
        return self.form is Form.RATE

    @property
    def setting(self) -> str:
        """Returns the name of its limit among the gate's settings."""
        return f"{'min' if self.higher_is_better else 'max'}_{self.name}"

    def titled(self, top_k: int | str) -> str:
        """Returns the title with ``{top_k}`` filled in."""
        return self.title.format(top_k=top_k)

    def meets(self, value: float, limit: float) -> bool:
        """Returns true where a value is at least as good as the limit."""
        return value >= limit if self.higher_is_better else value <= limit


@dataclass(frozen=True)
class Measurement:
    """Metrics that one pass over the answers computes.

    Attributes:
      metrics: at least one, in the order of the pages.
      tally: creates an empty tally of all of them.
      place: the position on pages, the lowest first.
      counts: names of further values, float [K], that intervals are computed from; no page has them.
    """

    metrics: tuple[Metric, ...]
    tally: Callable[[evaluate_config.EvaluateConfig], Tally]
    place: int = LAST
    counts: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Returns the names of all values of the tally."""
        return (*(one.name for one in self.metrics), *self.counts)
