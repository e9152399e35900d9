"""Intervals and paired comparisons by resampling images, or groups of images.

Pixels of one image are not independent, so whole images are drawn with replacement; images that belong
together, such as frames of one drive, are drawn together. Source: B. Efron, "Bootstrap methods", Annals
of Statistics 1979.

Dimension letters: N images, G groups, K classes, B resamples.
"""

from collections.abc import Sequence

import numpy as np

from tasks.segmentation.figures import pixels
from tasks.statistics import intervals

SAMPLES = 2000
# Weights held at a time, 8 bytes each.
_AT_ONCE = 4_000_000


def grouped(values: np.ndarray, groups: Sequence[object] | None) -> np.ndarray:
    """Adds up the rows of each group: [N, …] → [G, …], groups in order of their first image."""
    if groups is None:
        return values
    places: dict[object, int] = {}
    index = np.array([places.setdefault(group, len(places)) for group in groups], np.int64)
    summed = np.zeros([len(places), *values.shape[1:]], np.float64)
    np.add.at(summed, index, values)
    return summed


def resampled(values: np.ndarray, samples: int = SAMPLES, seed: int = 0) -> np.ndarray:
    """Sums rows drawn with replacement: [G, …] → float64 [B, …].

    The same G, samples and seed draw the same rows: two models are compared on equal resamples.
    """
    count = len(values)
    generator = np.random.Generator(np.random.Philox(seed))
    flat = values.reshape(count, -1).astype(np.float64)
    found = np.zeros([samples, flat.shape[1]])
    rows = max(1, _AT_ONCE // max(1, count))
    for start in range(0, samples, rows):
        size = min(rows, samples - start)
        drawn = generator.integers(0, count, [size, count])
        shifted = drawn + np.arange(size)[:, None] * count
        weights = np.bincount(shifted.ravel(), minlength=size * count).reshape(size, count)
        found[start : start + size] = weights @ flat
    return found.reshape(samples, *values.shape[1:])


def sums(matrices: np.ndarray, samples: int = SAMPLES, seed: int = 0) -> pixels.Sums:
    """Resamples matrices [G, K, K + 1] → the sums of B resamples, each [B, K]."""
    whole = pixels.Sums.of(matrices)
    parts = np.stack([whole.hits, whole.answered, whole.support], axis=1)
    drawn = resampled(parts, samples, seed)
    return pixels.Sums(drawn[:, 0], drawn[:, 1], drawn[:, 2])


def interval(drawn: np.ndarray, confidence: float) -> intervals.Interval | None:
    """Returns the percentile interval of a figure's resamples [B]; None if it is never defined.

    Resamples in which it is undefined are left out.
    """
    defined = drawn[np.isfinite(drawn)]
    if not len(defined):
        return None
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return intervals.Interval(float(low), float(high))
