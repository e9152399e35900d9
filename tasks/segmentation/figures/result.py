"""The result of an evaluation of segmentation. Dimension letter: K classes."""

from dataclasses import dataclass

from tasks import result


@dataclass(frozen=True)
class Result(result.Result):
    """The figures of a segmentation model on the test split.

    Attributes:
      confusion: K rows of K + 1 counts of pixels: true classes by answered ones, last those without.
      support_pixels: class name → its pixels in the test split.
    """

    confusion: list[list[int]]
    support_pixels: dict[str, int]
