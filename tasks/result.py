"""The figures of an evaluation, as plain values that convert to JSON; tasks add their own.

An undefined figure is None, never 0 or NaN. Rates are in 0–1. Dimension letter: K classes.
"""

from dataclasses import dataclass

import pydantic
from typing_extensions import Self

from data.files import read_back
from tasks.statistics import intervals


@dataclass(frozen=True)
class Figure:
    """A metric's value and its interval at the result's confidence; each None where undefined."""

    value: float | None
    interval: intervals.Interval | None = None


@dataclass(frozen=True)
class ClassResult:
    """The figures of one class.

    Attributes:
      support: the number of images of the class.
      figures: metric → figure, for the metrics by class.
    """

    support: int
    figures: dict[str, Figure]

    def value(self, name: str) -> float | None:
        """Returns the value of a metric."""
        return self.figures[name].value


@dataclass(frozen=True)
class Slice:
    """The figures of a part of the test split.

    Attributes:
      feature: the slicing feature: a name in the record, or "image/size", the shorter side.
      value: the value or range, such as "cat", "3" or "128–255 px".
      count: images in the slice.
      figures: metric → figure; of a metric by class, the mean over the classes that have a value,
        and None in the slice of a class.
    """

    feature: str
    value: str
    count: int
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Result:
    """The figures of a model on the test split.

    Attributes:
      labels: the K class names in the order of their ids.
      confidence: the confidence level of all intervals.
      example_count: the number of images.
      figures: metric → figure, for the metrics of the whole split.
      per_class: class name → its figures.
      slices: in the order of features, and within each of values.
    """

    labels: list[str]
    confidence: float
    example_count: int
    figures: dict[str, Figure]
    per_class: dict[str, ClassResult]
    slices: list[Slice]

    def value(self, name: str) -> float | None:
        """Returns the value of a metric of the whole split."""
        return self.figures[name].value

    def to_json(self) -> str:
        """Returns the result as JSON."""
        return pydantic.TypeAdapter(type(self)).dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: the text is not a result.
        """
        make = pydantic.TypeAdapter(cls).validate_python
        return read_back.from_json(text, "result of an evaluation", make, read_back.STEP_AGAIN)
