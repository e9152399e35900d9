"""Selects the test images that the report shows."""

from dataclasses import dataclass

import numpy as np

from tasks.classification import answers as predictions
from tasks.classification.panels import mistakes
from tasks.pages import parts

Cell = tuple[int, int]


def cells(found: predictions.Predictions, per_cell: int, most: int) -> dict[Cell, list[str]]:
    """Selects images for the confusion matrix: mistakes before hits, the most probable first.

    Args:
      found: the model's predictions.
      per_cell: the maximum for one cell.
      most: the maximum for all cells.

    Returns:
      (true class id, predicted class id; K without a prediction) → paths.
    """
    nothing = len(found.labels)
    predicted = np.where(found.predicted_ids < 0, nothing, found.predicted_ids)
    by_cell: dict[Cell, list[int]] = {}
    for index in np.argsort(-found.probabilities.max(1), kind="stable"):
        cell = (int(found.label_ids[index]), int(predicted[index]))
        by_cell.setdefault(cell, []).append(int(index))
    order = sorted(by_cell, key=lambda cell: (cell[0] == cell[1], -len(by_cell[cell]), cell))
    chosen: dict[Cell, list[str]] = {}
    for cell in order:
        taken = by_cell[cell][: min(per_cell, most)]
        most -= len(taken)
        if taken:
            chosen[cell] = [found.paths[index] for index in taken]
    return chosen


@dataclass(frozen=True)
class Chosen(parts.WholeImages):
    """The test images that are shown.

    Attributes:
      cells: (true class id, predicted class id) → paths, for the confusion matrix.
      worst: mistakes with the highest probability.
      doubtful: images whose two most probable classes are closest.
      mislabelled: images whose label is likely wrong.
      label_errors: the number of labels that are likely wrong, shown or not.
    """

    cells: dict[Cell, list[str]]
    worst: list[mistakes.Row]
    doubtful: list[mistakes.Row]
    mislabelled: list[mistakes.Row]
    label_errors: int

    def paths(self) -> set[str]:
        """Returns all of them, by image/filename."""
        rows = (*self.worst, *self.doubtful, *self.mislabelled)
        return {path for paths in self.cells.values() for path in paths} | {
            row.path for row in rows
        }

    def explained(self, path: str) -> tuple[str, ...]:
        """Returns none: the heat maps are of the most probable class."""
        return ()


def choose(found: predictions.Predictions, limits: parts.Limits) -> Chosen:
    """Selects the images to show from a model's answers."""
    mislabelled = mistakes.label_errors(found, len(found.paths))
    return Chosen(
        cells=cells(found, limits.pictures_per_cell, limits.max_pictures),
        worst=mistakes.worst(found, limits.listed),
        doubtful=mistakes.most_uncertain(found, limits.listed),
        mislabelled=mislabelled[: limits.listed],
        label_errors=len(mislabelled),
    )
