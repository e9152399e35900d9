"""Result of an evaluation: figures on the test split, as plain values that convert to JSON.

An undefined figure is None, never 0 or NaN. Rates are in 0–1. Dimension letter: K classes.
"""

from dataclasses import dataclass

import pydantic

from data.files import read_back
from tasks.statistics import averages, intervals


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

    An image that cannot be read counts in all of them: as a wrong prediction, as one without a
    prediction in the confusion matrix, and with the log loss of a guess among K classes, ln K.

    Attributes:
      labels: the K class names in the order of their ids.
      confidence: the confidence level of all intervals.
      example_count: the number of images.
      top_k: k, at most K.
      figures: metric → figure, for the metrics of the whole split; see ``registry.py``.
      averages: the rates averaged over the classes.
      per_class: class name → its figures.
      confusion: [K][K + 1] counts; rows are true classes, columns predicted ones, the last
        column counts images without a prediction.
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
        """Returns the value of a metric of the whole split."""
        return self.figures[name].value

    def to_json(self) -> str:
        """Returns the result as JSON."""
        return _JSON.dump_json(self, indent=1).decode()

    @classmethod
    def from_json(cls, text: str) -> "Result":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: the text is not a result.
        """
        make = _JSON.validate_python
        return read_back.from_json(text, "result of an evaluation", make, read_back.STEP_AGAIN)


_JSON = pydantic.TypeAdapter(Result)
