"""Finds likely annotation errors: connected regions where the model is sure of another class than the mask.

Dimension letters: H W mask, K classes.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from data.masks import VOID
from tasks.segmentation.answers import masks as predictions

# Smaller regions are mostly the blurred edges of objects.
LEAST_SHARE = 0.002
# A region thinner than this share of the shorter side is an edge, whatever its length.
LEAST_THICKNESS = 0.03


class Suspect(NamedTuple):
    """An image with regions that contradict its mask.

    Attributes:
      path: image/filename.
      place: of the image among the answers.
      told: the class that the model is sure of in the largest region.
      annotated: the class that the mask has there, the most frequent one.
      share: of the image that the region covers, in 0–1.
      regions: how many there are.
    """

    path: str
    place: int
    told: str
    annotated: str
    share: float
    regions: int


def find(found: predictions.Predictions, places: Iterable[int]) -> list[Suspect]:
    """Finds images with contradicting regions among some, the largest region first.

    Args:
      found: a model's answers.
      places: of the images that are examined.
    """
    suspects = []
    for place in places:
        if not found.sure[place]:
            continue
        sure = predictions.decoded(found.sure[place])
        truth = predictions.decoded(found.truths[place])
        regions = contradicting(truth, sure, len(found.names))
        if not regions:
            continue
        largest = regions[0]
        annotated = int(np.bincount(truth[largest]).argmax())
        told = int(sure[largest][0])
        share = float(largest.mean())
        names = found.names[told], found.names[annotated]
        suspects.append(Suspect(found.paths[place], place, *names, share, len(regions)))
    return sorted(suspects, key=lambda one: -one.share)


def contradicting(truth: np.ndarray, sure: np.ndarray, class_count: int) -> list[np.ndarray]:
    """Finds the regions of one image, bool [H, W] each, the largest first.

    Args:
      truth: uint8 [H, W], class numbers and 255 for void, which contradicts nothing.
      sure: uint8 [H, W], 255 where the model is not sure.
      class_count: K.
    """
    against = (truth != VOID) & (sure < class_count) & (sure != truth)
    regions, radius = [], max(1.0, LEAST_THICKNESS * min(truth.shape) / 2)
    for number in np.unique(sure[against]):
        labelled, _ = ndimage.label(against & (sure == number))
        sizes = np.bincount(labelled.ravel())
        for region in 1 + np.flatnonzero(sizes[1:] >= LEAST_SHARE * truth.size):
            one = labelled == region
            # A border counts as outside, so that a strip along the edge of the image is thin too.
            if ndimage.distance_transform_edt(np.pad(one, 1)).max() > radius:
                regions.append(one)
    return sorted(regions, key=lambda one: -int(one.sum()))
