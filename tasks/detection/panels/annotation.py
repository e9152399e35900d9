"""The objects of an image, drawn into it."""

from collections.abc import Sequence

import numpy as np

from tasks.boxes import user_files


class AnnotationDrawing:
    """See :class:`tasks.facets.showing.AnnotationDrawing`."""

    def colours(self, labels: Sequence[str]) -> list[str]:
        """Returns the colour of each class."""
        return [user_files.colour(number) for number in range(len(labels))]

    def drawn(self, picture: np.ndarray, target: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Draws the boxes of a target float32 [M, 6] with the names of their classes."""
        from tasks.detection import target as targets  # Panels are imported without TensorFlow.

        sides = np.tile(picture.shape[:2], 2)
        drawn = []
        for row in target[target[:, targets.CLASS_ID] >= 0]:
            top, left, bottom, right = (float(one) for one in row[targets.CORNERS] * sides)
            number = int(row[targets.CLASS_ID])
            name = f"{labels[number]} (ignored)" if row[targets.IS_IGNORED] else labels[number]
            drawn.append(user_files.Drawn((top, left, bottom, right), number, name))
        return user_files.draw(picture, drawn)
