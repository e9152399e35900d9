"""Selects the test images that the report shows, and measures objects by their size.

Dimension letters: N images, K classes, R regions.
"""

from dataclasses import dataclass, field

import numpy as np

from tasks.pages import parts
from tasks.segmentation.answers import masks as predictions
from tasks.segmentation.figures import pixels
from tasks.segmentation.panels import suspects as doubts

# Regions of more images would take minutes to find.
MOST_MEASURED = 300
# Upper bounds of the sizes of objects, as shares of the image.
SIZES = (0.0005, 0.005, 0.05, 1.0)


@dataclass(frozen=True)
class Row:
    """One image: its path and place among the answers, and its mean IoU over the classes in it."""

    path: str
    place: int
    mean_iou: float


@dataclass(frozen=True)
class Size:
    """Objects of some size: the largest share of an image, their number, and the share found.

    An object is a connected region of a class; the share found is that of its pixels that were answered
    right, the mean over the objects.
    """

    largest: float
    count: int
    found: float | None


@dataclass(frozen=True)
class Chosen(parts.WholeImages):
    """The test images that are shown.

    Attributes:
      worst: images with the lowest mean IoU, the lowest first.
      sizes: objects by size.
      measured: the images whose objects were counted and whose masks were doubted.
      suspects: images whose mask may be wrong, the likeliest first.
      suspected: how many such images there are.
    """

    worst: list[Row]
    sizes: list[Size]
    measured: int
    suspects: list[doubts.Suspect] = field(default_factory=list)
    suspected: int = 0

    def paths(self) -> set[str]:
        """Returns all of them, by image/filename."""
        return {row.path for row in self.worst} | {row.path for row in self.suspects}

    def explained(self, path: str) -> tuple[str, ...]:
        """Returns none: the images have masks instead of heat maps."""
        return ()


def choose(found: predictions.Predictions, limits: parts.Limits) -> Chosen:
    """Selects the images to show from a model's answers."""
    ious = found.mean_ious
    usable = np.flatnonzero(np.isfinite(ious) & found.valid)
    order = usable[np.argsort(ious[usable], kind="stable")][
        : min(limits.listed, limits.max_pictures)
    ]
    worst = [Row(found.paths[place], int(place), float(ious[place])) for place in order]
    # Evenly spread, so that not one film of many decides.
    step = max(1, -(-len(found.paths) // MOST_MEASURED))
    places = range(0, len(found.paths), step)
    doubted = doubts.find(found, places)
    shown = doubted[: min(limits.listed, limits.max_pictures)]
    return Chosen(worst, by_size(found, places), len(places), shown, len(doubted))


def by_size(found: predictions.Predictions, places: range) -> list[Size]:
    """Measures the objects in some images by their size."""
    shares, right = [np.zeros(0)], [np.zeros(0)]
    for place in places:
        truth = predictions.decoded(found.truths[place])
        mask = predictions.decoded(found.masks[place]) if found.masks[place] else None
        regions = pixels.object_sizes(truth, mask, len(found.names))
        shares.append(regions[:, 1] / truth.size)
        right.append(regions[:, 2] / np.maximum(regions[:, 1], 1))
    share, hit = np.concatenate(shares), np.concatenate(right)
    rows, low = [], 0.0
    for high in SIZES:
        inside = (share > low) & (share <= high)
        rate = float(hit[inside].mean()) if inside.any() else None
        rows.append(Size(high, int(inside.sum()), rate))
        low = high
    return rows
