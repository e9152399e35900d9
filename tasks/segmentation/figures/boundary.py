"""Boundary F1: how well the outlines of the answer follow those of the truth.

An outline pixel of the answer is right if an outline pixel of the truth of the same class is within a
tolerance, and the other way round. Precision and recall are summed over images before F1 is made of
them. Source: Csurka et al., "What is a good evaluation measure for semantic segmentation?", 2013; the
tolerance, 0.75 % of the diagonal, is theirs. Outlines at void do not count.

Dimension letters: H W mask, K classes.
"""

import math

import numpy as np

TOLERANCE = 0.0075
COLUMNS = ("answered_right", "answered", "found", "true")


def counts(truth: np.ndarray, answer: np.ndarray | None, class_count: int) -> np.ndarray:
    """Counts the outline pixels of one image.

    Args:
      truth: uint8 [H, W], class numbers and 255 for void.
      answer: uint8 [H, W]; None without a valid answer.
      class_count: K.

    Returns:
      int64 [K, 4]: of the answer's outline, pixels that are right and all; of the truth's, pixels
      that were found and all.
    """
    from scipy import ndimage

    tolerance = TOLERANCE * math.hypot(*truth.shape)
    void = truth >= class_count
    found = np.zeros([class_count, len(COLUMNS)], np.int64)
    present = set(np.unique(truth[~void]).tolist())
    answered = set() if answer is None else set(np.unique(answer[~void]).tolist())
    for class_id in sorted(present | answered):
        if class_id >= class_count:
            continue
        true = outline(truth == class_id, void)
        told = np.zeros_like(true) if answer is None else outline(answer == class_id, void)
        right = hit = 0
        if true.any() and told.any():
            right = int((ndimage.distance_transform_edt(~true)[told] <= tolerance).sum())
            hit = int((ndimage.distance_transform_edt(~told)[true] <= tolerance).sum())
        found[class_id] = right, told.sum(), hit, true.sum()
    return found


def outline(region: np.ndarray, void: np.ndarray) -> np.ndarray:
    """Returns the pixels of a region that touch another class, bool [H, W].

    Args:
      region: bool [H, W].
      void: bool [H, W]; neither void nor the image's border makes an outline.
    """
    inside = np.pad(region | void, 1, constant_values=True)
    surrounded = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return region & ~void & ~surrounded


def f1(found: np.ndarray) -> np.ndarray:
    """Returns the boundary F1 of each class, [K] in 0–1; NaN where the truth has no outline.

    Args:
      found: int64 [K, 4], the sum of :func:`counts` over images.
    """
    right, answered, hit, true = np.moveaxis(found.astype(np.float64), -1, 0)
    precision = right / np.where(answered > 0, answered, 1)
    recall = hit / np.where(true > 0, true, 1)
    total = precision + recall
    value = 2 * precision * recall / np.where(total > 0, total, 1)
    return np.where(true > 0, value, np.nan)
