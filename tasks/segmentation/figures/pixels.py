"""Counts of pixels by true and answered class, and the rates that follow from them.

Void pixels never count. An image without a valid answer counts: all its pixels are answered wrongly.

Dimension letters: H W mask, K classes, N images.
"""

from dataclasses import dataclass

import numpy as np

from data.masks import VOID


def confusion(truth: np.ndarray, answer: np.ndarray | None, class_count: int) -> np.ndarray:
    """Counts the pixels of one image by true and answered class.

    Args:
      truth: uint8 [H, W], class numbers and 255 for void.
      answer: uint8 [H, W], class numbers; None without a valid answer. Values of K and above, such
        as void, count as no class.
      class_count: K; true values of K and above, other than void, are left out too.

    Returns:
      int64 [K, K + 1]; rows are true classes, columns answered ones, the last one pixels without.
    """
    counted = truth < class_count
    if answer is None:
        matrix = np.zeros([class_count, class_count + 1], np.int64)
        matrix[:, -1] = np.bincount(truth[counted], minlength=class_count)
        return matrix
    if answer.shape != truth.shape:
        raise ValueError(f"the truth is {truth.shape}, the answer {answer.shape}")
    rows = truth[counted].astype(np.int64)
    columns = np.minimum(answer[counted], class_count)
    cells = np.bincount(
        rows * (class_count + 1) + columns, minlength=class_count * (class_count + 1)
    )
    return cells.reshape(class_count, class_count + 1)


def differing_share(first: np.ndarray, second: np.ndarray) -> float:
    """Returns the share of pixels of two masks [H, W] that differ, in 0–1."""
    if first.shape != second.shape:
        return 1.0
    return float(np.count_nonzero(first != second)) / max(1, first.size)


@dataclass(frozen=True)
class Sums:
    """What every rate needs of a matrix, or of many at once.

    Attributes:
      hits: […, K], pixels of each class that were answered as it.
      answered: […, K], pixels answered as each class.
      support: […, K], pixels of each class.
    """

    hits: np.ndarray
    answered: np.ndarray
    support: np.ndarray

    @classmethod
    def of(cls, matrices: np.ndarray) -> "Sums":
        """Computes the sums of matrices […, K, K + 1]."""
        return cls(
            np.diagonal(matrices[..., :-1], axis1=-2, axis2=-1).astype(np.float64),
            matrices[..., :-1].sum(-2).astype(np.float64),
            matrices.sum(-1).astype(np.float64),
        )

    @property
    def iou(self) -> np.ndarray:
        """Returns the intersection over union of each class, […, K] in 0–1.

        NaN for a class that the truth lacks: there is nothing to find, and counting false pixels of
        it as an IoU of 0 would let one pixel decide. They lower the IoU of the class that they belong to.
        """
        return _rate(self.hits, self.answered + self.support - self.hits, self.support)

    @property
    def dice(self) -> np.ndarray:
        """Returns the Dice coefficient of each class, 2·TP / (answered + support), NaN as IoU."""
        return _rate(2 * self.hits, self.answered + self.support, self.support)

    @property
    def recall(self) -> np.ndarray:
        """Returns the share of a class's pixels that were answered as it, […, K]."""
        return _rate(self.hits, self.support, self.support)

    @property
    def precision(self) -> np.ndarray:
        """Returns the share of pixels answered as a class that belong to it, […, K]."""
        return _rate(self.hits, self.answered, self.answered)

    @property
    def pixel_accuracy(self) -> np.ndarray:
        """Returns the share of correctly answered pixels, […]; NaN without pixels."""
        total = self.support.sum(-1)
        return _rate(self.hits.sum(-1), total, total)

    @property
    def mean_iou(self) -> np.ndarray:
        """Returns the mean IoU over the classes of the truth, […]."""
        return _mean(self.iou)

    @property
    def mean_dice(self) -> np.ndarray:
        """Returns the mean Dice over the classes of the truth, […]."""
        return _mean(self.dice)

    @property
    def frequency_weighted_iou(self) -> np.ndarray:
        """Returns the mean IoU weighted by each class's share of the pixels, […]."""
        total = self.support.sum(-1)
        weighted = (np.nan_to_num(self.iou) * self.support).sum(-1)
        return _rate(weighted, total, total)


def object_sizes(truth: np.ndarray, answer: np.ndarray | None, class_count: int) -> np.ndarray:
    """Finds the connected regions of each class and how much of each was answered right.

    Args:
      truth: uint8 [H, W].
      answer: uint8 [H, W] or None.
      class_count: K.

    Returns:
      int64 [R, 3]: class, pixels of the region, of which answered as its class.
    """
    from scipy import ndimage

    rows = []
    for class_id in np.unique(truth[truth < class_count]):
        regions, count = ndimage.label(truth == class_id)
        sizes = np.bincount(regions.ravel(), minlength=count + 1)[1:]
        right = np.zeros(count + 1, np.int64)
        if answer is not None:
            right = np.bincount(regions[answer == class_id], minlength=count + 1)
        rows.append(np.stack([np.full(count, int(class_id)), sizes, right[1:]], axis=1))
    return np.concatenate(rows) if rows else np.zeros([0, 3], np.int64)


def is_void(truth: np.ndarray) -> np.ndarray:
    """Returns where a mask has no class, bool of its shape."""
    return truth == VOID


def _rate(numerator: np.ndarray, denominator: np.ndarray, present: np.ndarray) -> np.ndarray:
    safe = np.where(denominator > 0, denominator, 1)
    return np.where(present > 0, numerator / safe, np.nan)


def _mean(values: np.ndarray) -> np.ndarray:
    defined = np.isfinite(values)
    count = defined.sum(-1)
    total = np.where(defined, values, 0).sum(-1)
    return np.where(count > 0, total / np.where(count > 0, count, 1), np.nan)
