"""Overlap of boxes, in numpy; :mod:`tasks.boxes.graph_geometry` has what graphs need.

Boxes are ymin, xmin, ymax, xmax in any unit, the same for both sides. Dimension letters: M, N boxes.
"""

import numpy as np


def areas(boxes: np.ndarray) -> np.ndarray:
    """Computes the areas of boxes [..., 4]: [...]; 0 for an empty or inverted one."""
    sides = np.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    return sides[..., 0] * sides[..., 1]  # type: ignore[no-any-return]


def iou(ones: np.ndarray, others: np.ndarray, is_crowd: np.ndarray | None = None) -> np.ndarray:
    """Computes the intersection over union of all pairs, |A ∩ B| / |A ∪ B|.

    Args:
      ones: [M, 4].
      others: [N, 4].
      is_crowd: bool [N]: others that stand for many objects; for those the denominator is |A|, as
        in COCO's evaluation. None: none of them.

    Returns:
      float64 [M, N] in 0–1; 0 where the denominator is 0.
    """
    ones, others = np.asarray(ones, np.float64), np.asarray(others, np.float64)
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    sides = np.maximum(high - low, 0)
    common = sides[..., 0] * sides[..., 1]
    union = areas(ones)[:, None] + areas(others)[None] - common
    if is_crowd is not None:
        union = np.where(is_crowd[None], areas(ones)[:, None], union)
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
