"""What a metric is: written once, it is in TFMA's results, in the gate's settings and on the pages.

A module in ``metrics/`` names its metrics and gathers them from answers in one pass::

    MEASUREMENT = metric.Measurement(metrics=(metric.Metric("brier", "Brier score", "…", …),),
                                     tally=Brier)

Dimension letters: N images, K classes.
"""

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from components.evaluator import config as evaluate_config
from components.evaluator import counts, intervals

Value = float | np.ndarray
# (value, float64 [1] or [K]; what was counted; the settings) → an interval for each value.
MakeIntervals = Callable[
    [np.ndarray, counts.Counts, evaluate_config.EvaluateConfig], list[intervals.Interval | None]
]
LAST = 100


class Form(enum.Enum):
    """How a value is read."""

    RATE = "rate"  # in 0–1, shown in per cent
    NUMBER = "number"


class Tally(Protocol):
    """Gathers metrics piece by piece, on any number of machines; it can be pickled."""

    def add(self, label_ids: np.ndarray, probabilities: np.ndarray) -> None:
        """Takes images in.

        Args:
          label_ids: int [N], the true classes.
          probabilities: float [N, K] in 0–1; all 0 where nothing was predicted.
        """

    def merge(self, other: Any) -> None:
        """Takes in what another one gathered; that one is not used any more."""

    def values(self) -> Mapping[str, Value]:
        """The metrics by name: a number, or float [K] by class; NaN where undefined."""


@dataclass(frozen=True)
class Metric:
    """A figure of a model on labelled images.

    Attributes:
      name: in files and settings: ``gate.min_<name>``, or ``gate.max_<name>`` where less is better.
      title: on pages; ``{top_k}`` in it is filled in.
      definition: what it is, in words, as in docs/evaluation.md.
      form: how its values are read.
      most: the largest value; None: there is none.
      by_class: whether each class has a value, instead of the whole.
      higher_is_better: what the gate may demand.
      automatic: number of classes → what the gate demands unless it is told; None: nothing.
      automatic_text: that in words.
      undefined: why a class has no value, in words; ``{images}`` counts those of the class.
      intervals: makes confidence intervals; None: there are none.
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
        """Whether its values are in 0–1 and shown in per cent."""
        return self.form is Form.RATE

    @property
    def setting(self) -> str:
        """The name of its limit among the gate's settings."""
        return f"{'min' if self.higher_is_better else 'max'}_{self.name}"

    def titled(self, top_k: int | str) -> str:
        """The title, filled in."""
        return self.title.format(top_k=top_k)

    def meets(self, value: float, limit: float) -> bool:
        """Whether a value is as good as the limit."""
        return value >= limit if self.higher_is_better else value <= limit


@dataclass(frozen=True)
class Measurement:
    """Metrics that come from one pass over the answers.

    Attributes:
      metrics: at least one, in the order of pages.
      tally: makes an empty tally of all of them.
      place: orders measurements on pages, the lowest first.
    """

    metrics: tuple[Metric, ...]
    tally: Callable[[evaluate_config.EvaluateConfig], Tally]
    place: int = LAST
