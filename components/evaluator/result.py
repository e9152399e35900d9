"""What an evaluation found: figures on the test split, as plain values that turn into JSON.

An undefined figure is None, never 0 or NaN. Rates are in 0–1. Dimension letter: K classes.
"""

from dataclasses import dataclass

import pydantic

from components.evaluator import intervals, metrics
from data import read_back


@dataclass(frozen=True)
class ClassResult(metrics.ClassMetrics):
    """The figures of one class; intervals at the result's confidence.

    Attributes:
      precision_interval: Wilson's, as is the next.
      recall_interval: None where the rate is.
      f1_interval: by bootstrap.
      auc: area under the ROC curve of the class against all others; undefined unless the test
        split has images of the class and others.
      pr_auc: its average precision, undefined likewise; by chance it is the class's share.
    """

    precision_interval: intervals.Interval | None
    recall_interval: intervals.Interval | None
    f1_interval: intervals.Interval | None
    auc: float | None
    pr_auc: float | None


@dataclass(frozen=True)
class Slice:
    """The figures of a part of the test split.

    Attributes:
      feature: what was sliced by: a name in the record, or "image/size", the shorter side.
      value: the value or range, such as "cat", "3" or "128–255 px".
      count: images in the slice.
      accuracy: share classified rightly.
      accuracy_interval: Wilson's.
      top_k_accuracy: share with the true class among the k most probable.
      log_loss: as of the whole.
      auc: mean of the areas under the ROC curves over the classes that have one in the slice.
    """

    feature: str
    value: str
    count: int
    accuracy: float | None
    accuracy_interval: intervals.Interval | None
    top_k_accuracy: float | None
    log_loss: float | None
    auc: float | None


@dataclass(frozen=True)
class Result:
    """The figures of a model on the test split.

    An image that cannot be read counts in all of them: as classified wrongly, as predicted
    nothing in the confusion matrix, with the log loss of a guess among K classes, ln K.

    Attributes:
      labels: the K class names in the order of their ids.
      confidence: of all intervals.
      example_count: images.
      accuracy: share classified rightly.
      accuracy_interval: Wilson's.
      top_k: k, at most K.
      top_k_accuracy: share with the true class among the k most probable.
      top_k_interval: Wilson's.
      log_loss: mean of −ln of the true class's probability, in nats; no probability counts for
        less than 1e-7, so that one image costs 16.1 at most.
      averages: of the rates over the classes.
      per_class: class name → its figures.
      confusion: [K][K + 1] counts; rows are true classes, columns predicted ones, the last
        column counts images of which nothing was predicted.
      slices: in the order of features, and within each of values.
    """

    labels: list[str]
    confidence: float
    example_count: int
    accuracy: float | None
    accuracy_interval: intervals.Interval | None
    top_k: int
    top_k_accuracy: float | None
    top_k_interval: intervals.Interval | None
    log_loss: float | None
    averages: metrics.Averages
    per_class: dict[str, ClassResult]
    confusion: list[list[int]]
    slices: list[Slice]

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
