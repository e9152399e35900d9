"""Result of an evaluation of multi-label classification. Dimension letter: K labels."""

from dataclasses import dataclass

from tasks import result
from tasks.statistics import averages


@dataclass(frozen=True)
class Result(result.Result):
    """The figures of a model on the test split.

    An image that cannot be read counts in all of them as one to which no label is given.

    Attributes:
      averages: the rates averaged over the labels.
      without_images: the labels that no test image has; they have no recall, F1 or average
        precision, and the means leave them out.
    """

    averages: averages.Averages
    without_images: list[str]
