"""Draws confusion matrices as pictures, for TensorBoard. Dimension letter: K classes."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

CELL_PX = 28
LABEL_PX = 90
# A matrix of more classes would be unreadable and is not drawn.
MAX_CLASSES = 40


def titled(title: str, counts: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Draws a matrix under a title; nothing if there are more than MAX_CLASSES classes."""
    return {title: draw(counts, names)} if len(names) <= MAX_CLASSES else {}


def draw(counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Draws a confusion matrix.

    Args:
      counts: [K, K]; rows are true classes, columns predicted ones.
      names: K labels.

    Returns:
      uint8 [H, W, 3]; a cell is darker the larger its share of the row.
    """
    side = LABEL_PX + CELL_PX * len(names)
    image = Image.new("RGB", (side, side - LABEL_PX + CELL_PX), "white")
    draw = ImageDraw.Draw(image)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row, name in enumerate(names):
        draw.text((4, CELL_PX * (row + 1) + 8), name[:14], "black")
        draw.text((LABEL_PX + CELL_PX * row + 4, 8), name[:4], "black")
        for column in range(len(names)):
            left, top = LABEL_PX + CELL_PX * column, CELL_PX * (row + 1)
            share = shares[row, column]
            shade = round(255 * (1 - share))
            box = (left, top, left + CELL_PX - 1, top + CELL_PX - 1)
            draw.rectangle(box, (shade, shade, 255), (220, 220, 220))
            if counts[row, column]:
                ink = "white" if share > 0.5 else "black"
                draw.text((left + 4, top + 8), str(counts[row, column]), ink)
    return np.asarray(image)
