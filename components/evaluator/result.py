"""What an evaluation found: figures on the test split, as plain values that turn into JSON.

An undefined figure is None, never 0 or NaN. Rates are in 0–1. Dimension letter: K classes.
"""

from dataclasses import dataclass

import pydantic

from components.evaluator import averages, intervals
from data.files import read_back


@dataclass(frozen=True)
class Figure:
    """A metric's value and its interval at the result's confidence; each None where undefined."""

    value: float | None
    interval: intervals.Interval | None = None


@dataclass(frozen=True)
class ClassResult:
    """The figures of one class.

    Attributes:
      support: how many images are of the class.
      figures: metric → figure, of those that classes have.
    """

    support: int
    figures: dict[str, Figure]

    def value(self, name: str) -> float | None:
        """The value of a metric."""
        return self.figures[name].value


@dataclass(frozen=True)
class Slice:
    """The figures of a part of the test split.

    Attributes:
      feature: what was sliced by: a name in the record, or "image/size", the shorter side.
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

    An image that cannot be read counts in all of them: as classified wrongly, as predicted
    nothing in the confusion matrix, with the log loss of a guess among K classes, ln K.

    Attributes:
      labels: the K class names in the order of their ids.
      confidence: of all intervals.
      example_count: images.
      top_k: k, at most K.
      figures: metric → figure, of those that the whole has; see ``registry.py``.
      averages: of the rates over the classes.
      per_class: class name → its figures.
      confusion: [K][K + 1] counts; rows are true classes, columns predicted ones, the last
        column counts images of which nothing was predicted.
      slices: in the order of features, and within each of values.
    """

    labels: list[str]
    confidence: float
    example_count: int
    top_k: int
    figures: dict[str, Figure]
    averages: averages.Averages
    per_class: dict[str, ClassResult]
    confusion: list[list[int]]
    slices: list[Slice]

    def value(self, name: str) -> float | None:
        """The value of a metric of the whole."""
        return self.figures[name].value

    def to_json(self) -> str:
        """The result as text."""
        return _JSON.dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: it is none.
        """
        make = _JSON.validate_python
        return read_back.from_json(text, "result of an evaluation", make, read_back.STEP_AGAIN)


_JSON = pydantic.TypeAdapter(Result)
