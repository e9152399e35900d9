"""Result of an evaluation of detection. Dimension letter: K classes."""

from dataclasses import dataclass

from tasks import result


@dataclass(frozen=True)
class Result(result.Result):
    """The figures of a detector on the test split; the support of a class is its objects.

    An image that cannot be read counts as one without detections.

    Attributes:
      kinds: kind of error, see judging/errors.py → number for each of the K classes, at the
        operating threshold.
      left_out: the classes without an object, which the means leave out.
    """

    kinds: dict[str, list[int]]
    left_out: list[str]
