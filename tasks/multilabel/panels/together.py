"""Labels that occur together: in the annotations, and in the model's mistakes.

Dimension letters: N images, K labels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from data import formats

# Above this number of labels, the matrix is too large to read; the pairs stay.
LARGE = 40
MAX_PAIRS = 10


@dataclass(frozen=True)
class Cell:
    """Images that have two labels.

    Attributes:
      count: the number of images with both.
      total: the number of images with the first.
      sentence: the cell in words.
      is_own: whether both are one label.
    """

    count: int
    total: int
    sentence: str
    is_own: bool

    @property
    def shade(self) -> str:
        """Returns the colour's opacity; the root, so that rare pairs show too."""
        return f"{min(0.7 * math.sqrt(self.count / self.total), 0.6):.2f}".lstrip("0")


@dataclass(frozen=True)
class Pair:
    """Two labels and how often they meet.

    Attributes:
      first, second: the labels.
      count: the images that have both, or that miss the first and get the second.
      first_share: share of the images that have the first, in 0–1; None where there are none.
      second_share: share of the images that have the second, or get it wrongly; None as above.
    """

    first: str
    second: str
    count: int
    first_share: float | None
    second_share: float | None


@dataclass(frozen=True)
class Together:
    """Content of the section.

    Attributes:
      names: the labels; empty where there are too many for a matrix.
      cells: [K][K] of them.
      pairs: the labels that most often occur together, by falling share of the rarer one.
      swapped: missed labels with wrongly given ones in the same image, by falling count.
    """

    names: Sequence[str]
    cells: Sequence[Sequence[Cell]]
    pairs: Sequence[Pair]
    swapped: Sequence[Pair]


def build(names: Sequence[str], has: np.ndarray, gives: np.ndarray) -> Together:
    """Counts pairs of labels.

    Args:
      names: the K labels.
      has: bool [N, K], the annotations.
      gives: bool [N, K], the model's labels; none where it could not read the image.
    """
    counts = has.astype(np.int64)
    both = counts.T @ counts
    support = both.diagonal()
    missed, wrong = (has & ~gives).astype(np.int64), (gives & ~has).astype(np.int64)
    swaps = missed.T @ wrong
    small = len(names) <= LARGE
    return Together(
        names=names if small else [],
        cells=[[_cell(names, both, *place) for place in row] for row in _places(len(names))]
        if small
        else [],
        pairs=_pairs(names, both, support),
        swapped=_swapped(names, swaps, support, wrong.sum(0)),
    )


def _places(count: int) -> list[list[tuple[int, int]]]:
    return [[(row, column) for column in range(count)] for row in range(count)]


def _cell(names: Sequence[str], both: np.ndarray, row: int, column: int) -> Cell:
    count, total = int(both[row, column]), int(both[row, row])
    if row == column:
        sentence = f"{names[row]}: {formats.plural(total, 'image')}"
    elif total:
        share = formats.percent(count / total)
        sentence = f"{names[column]} beside {names[row]}: {count} of {total} ({share})"
    else:
        sentence = ""
    return Cell(count, total, sentence, row == column)


def _pairs(names: Sequence[str], both: np.ndarray, support: np.ndarray) -> list[Pair]:
    first, second = np.nonzero(np.triu(both, 1))
    counts = both[first, second]
    shares = counts / np.minimum(support[first], support[second])
    order = np.lexsort((-counts, -shares))[:MAX_PAIRS]
    return [
        _pair(names, first[place], second[place], counts[place], support, support)
        for place in order
    ]


def _swapped(
    names: Sequence[str], swaps: np.ndarray, support: np.ndarray, alarms: np.ndarray
) -> list[Pair]:
    missed, given = np.nonzero(swaps)
    counts = swaps[missed, given]
    order = np.argsort(-counts, kind="stable")[:MAX_PAIRS]
    return [
        _pair(names, missed[place], given[place], counts[place], support, alarms) for place in order
    ]


def _pair(
    names: Sequence[str],
    first: int,
    second: int,
    count: int,
    of_first: np.ndarray,
    of_second: np.ndarray,
) -> Pair:
    shares = (
        float(count / total) if total else None for total in (of_first[first], of_second[second])
    )
    return Pair(names[first], names[second], int(count), *shares)
