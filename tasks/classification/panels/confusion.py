"""Layout of the confusion matrix on the page. Dimension letter: K classes."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from data import formats
from tasks.pages import parts

NOTHING = "nothing"
# Up to SMALL classes, the images are beside the matrix; above LARGE, the most confused pairs are
# more informative than the matrix and come first.
SMALL, LARGE = 10, 40
MAX_PAIRS = 10


@dataclass(frozen=True)
class Cell:
    """Images of one pair of true and predicted class.

    Attributes:
      true, predicted: class ids; ``predicted`` is K without a prediction.
      count: the number of images.
      total: the number of images of the true class.
      paths: the paths of some of them.
      sentence: the cell in words.
    """

    true: int
    predicted: int
    count: int
    total: int
    paths: Sequence[str]
    sentence: str

    @property
    def id(self) -> str:
        """Returns the id of the element with the images."""
        return f"cell-{self.true}-{self.predicted}"

    @property
    def is_right(self) -> bool:
        """Returns true where the predicted class is the true one."""
        return self.true == self.predicted

    @property
    def share(self) -> float:
        """Returns the share of the true class's images, in 0–1."""
        return self.count / self.total

    @property
    def shade(self) -> str:
        """Returns the colour's opacity; the root for mistakes, so that few of them show too."""
        share = 0.08 + 0.5 * self.share if self.is_right else 0.7 * math.sqrt(self.share)
        return f"{min(share, 0.6):.2f}".lstrip("0")


@dataclass(frozen=True)
class Matrix:
    """The confusion matrix for the template.

    Attributes:
      names: K class names.
      columns: K class names; one more where there are images without a prediction.
      rows: [K][columns] cells.
      pairs: the most frequent mistakes, in descending order.
      panels: the cells with images.
      first: the id of the panel that is shown first.
      size: "small", "medium" or "large", by K.
      has_overlays: whether any image has a heat map.
      probabilities: path → the highest probability of a class, in 0–1.
    """

    names: list[str]
    columns: list[str]
    rows: list[list[Cell]]
    pairs: list[Cell]
    panels: list[Cell] = field(default_factory=list)
    first: str = ""
    size: str = "medium"
    has_overlays: bool = False
    probabilities: Mapping[str, float] = field(default_factory=dict)


def build(report: parts.Report) -> Matrix:
    """Builds the matrix."""
    names = report.result.labels
    counts = report.result.confusion
    columns = [*names, NOTHING] if any(row[-1] for row in counts) else names
    rows = [
        [_cell(report, columns, true, predicted) for predicted in range(len(columns))]
        for true in range(len(counts))
    ]
    cells = [cell for row in rows for cell in row if cell.count]
    mistakes = [cell for cell in cells if not cell.is_right]
    pairs = sorted(mistakes, key=lambda cell: (-cell.count, -cell.share))[:MAX_PAIRS]
    panels = [cell for cell in cells if cell.paths]
    first = next((cell for cell in [*pairs, *panels] if cell.paths), None)
    return Matrix(
        names=names,
        columns=columns,
        rows=rows,
        pairs=pairs,
        panels=panels,
        first=first.id if first else "",
        size="small" if len(names) <= SMALL else "large" if len(names) > LARGE else "medium",
        has_overlays=any(path in report.overlaid for cell in panels for path in cell.paths),
        probabilities=dict(
            zip(
                report.candidate.paths,
                report.candidate.probabilities.max(1, initial=0.0),
                strict=True,
            )
        ),
    )


def _cell(report: parts.Report, columns: list[str], true: int, predicted: int) -> Cell:
    row = report.result.confusion[true]
    count, total = row[predicted], sum(row)
    return Cell(
        true=true,
        predicted=predicted,
        count=count,
        total=total,
        paths=report.chosen.cells.get((true, predicted), ()),
        sentence=f"{columns[true]} predicted as {columns[predicted]}: {count} of {total}"
        f" ({formats.percent(count / total)})"
        if total
        else "",
    )
