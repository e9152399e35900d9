"""Selects the test images that the report shows, and draws them as the model sees them.

An image is shown upright and resized, as the model gets it, so that the heat map fits it.
Dimension letters: B batch, S side in pixels.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image

from components.evaluator import mistakes
from components.report import config as report_config
from components.trainer.network import gradcam
from data import pages, progress
from data.examples import lookup
from data.graph import decoding
from data.images import image_reading
from tasks.classification import answers as predictions

Cell = tuple[int, int]
BATCH = 32
TASK = "drawing heat maps"


class Picture(NamedTuple):
    """An image, without and with its Grad-CAM heat map, as data URIs; empty where there is none."""

    image: str = ""
    overlay: str = ""


EMPTY = Picture()


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
class Chosen:
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


def choose(found: predictions.Predictions, config: report_config.ReportConfig) -> Chosen:
    """Selects the images to show from a model's answers."""
    mislabelled = mistakes.label_errors(found, len(found.paths))
    return Chosen(
        cells=cells(found, config.pictures_per_cell, config.max_pictures),
        worst=mistakes.worst(found, config.listed),
        doubtful=mistakes.most_uncertain(found, config.listed),
        mislabelled=mislabelled[: config.listed],
        label_errors=len(mislabelled),
    )


def draw(
    explainer: gradcam.Explainer,
    contract: Mapping[str, Any],
    files: Sequence[str],
    paths: Collection[str],
) -> dict[str, Picture]:
    """Draws images and their heat maps.

    Args:
      explainer: the explainer of the trained classifier, with which the release gate compares the
        exported one.
      contract: that model's contract.
      files: shards of image records.
      paths: the images to draw, by image/filename.

    Returns:
      Path → its picture. Images that the model cannot read or that no shard has are left out.
    """
    reading = image_reading.Reading.from_dict(contract)
    # The gate's graph, which is already traced where both steps run in one process.
    read = decoding.batch_reader(contract["image_size_px"], contract["resize"], reading)
    drawn = {}
    task = progress.start(TASK, total=len(paths))
    rows = lookup.by_path(files, paths)
    while held := list(itertools.islice(rows, BATCH)):
        names, encoded = zip(*held, strict=True)
        pixels, refused = (value.numpy() for value in read(tf.constant(encoded)))
        overlays = gradcam.overlay(pixels, explainer.heatmap(pixels))
        for name, *shown, reason in zip(names, pixels, overlays, refused, strict=True):
            if not reason:
                drawn[name] = Picture(*(pages.data_uri(Image.fromarray(one)) for one in shown))
        task.advance(len(names))
    return drawn
