"""The mask of an image, drawn into it."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from data.masks import VOID
from tasks.segmentation.panels import colours

OPACITY = 0.5


class AnnotationDrawing:
    """See :class:`tasks.facets.showing.AnnotationDrawing`."""

    def colours(self, labels: Sequence[str]) -> list[str]:
        """Returns the colour of each class."""
        return colours.css(len(labels))

    def drawn(self, picture: np.ndarray, target: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Lays a mask uint8 [S, S] over its image; what is void is left as it is."""
        height, width = picture.shape[:2]
        mask = np.asarray(Image.fromarray(target).resize((width, height), Image.Resampling.NEAREST))
        mixed = (1 - OPACITY) * picture + OPACITY * colours.palette(len(labels))[mask]
        return np.where((mask == VOID)[..., None], picture, np.rint(mixed)).astype(np.uint8)
