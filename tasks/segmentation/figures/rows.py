"""The numbers that are kept of an image: its matrix of pixels, its outlines, and the number of its group.

Dimension letters: N images, K classes.
"""

import math

import numpy as np

from tasks.segmentation.figures import boundary
from tasks.statistics import groups


def packed(
    matrices: np.ndarray, outlines: np.ndarray, numbers: np.ndarray | None = None
) -> np.ndarray:
    """Lays counts and the numbers of groups side by side: float64 [N, K² + 5·K + 2].

    Args:
      matrices: [N, K, K + 1].
      outlines: [N, K, 4].
      numbers: [N, 2], see ``groups.number``; None: every image is alone.
    """
    count = len(matrices)
    numbers = np.full([count, groups.PARTS], groups.ALONE) if numbers is None else numbers
    parts = (matrices.reshape(count, -1), outlines.reshape(count, -1), numbers)
    return np.concatenate(parts, axis=1).astype(np.float64)


def unpacked(rows: np.ndarray, class_count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the matrices, outlines and numbers of groups of what :func:`packed` made."""
    cells = class_count * (class_count + 1)
    matrices = rows[:, :cells].reshape(-1, class_count, class_count + 1)
    outlines = rows[:, cells : -groups.PARTS].reshape(-1, class_count, len(boundary.COLUMNS))
    return matrices, outlines, rows[:, -groups.PARTS :]


def class_count(width: int) -> int:
    """Returns K for the length of a row, K² + 5·K + 2."""
    return (math.isqrt(25 + 4 * (width - groups.PARTS)) - 5) // 2
