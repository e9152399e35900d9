"""Result of an evaluation of classification. Dimension letter: K classes."""

from dataclasses import dataclass

from tasks import result
from tasks.statistics import averages


@dataclass(frozen=True)
class Result(result.Result):
    """The figures of a classifier on the test split.

    An image that cannot be read counts in all of them: as a wrong prediction, as one without a
    prediction in the confusion matrix, and with the log loss of a guess among K classes, ln K.

    Attributes:
      top_k: k, at most K.
      averages: the rates averaged over the classes.
      confusion: [K][K + 1] counts; rows are true classes, columns predicted ones, the last
        column counts images without a prediction.
    """

    top_k: int
    averages: averages.Averages
    confusion: list[list[int]]
