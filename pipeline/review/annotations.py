"""Masks and boxes of images under review, drawn into their pictures."""

import numpy as np
import tensorflow as tf

from components.image_validator import clean
from pipeline.review.project import Project

# Masks are read at most at this size: pictures on the page are no larger.
SIDE_PX = 1024


class Annotations:
    """Draws the annotations of ingested images, as the records hold them.

    Args:
      reviewed: the images.
    """

    def __init__(self, reviewed: Project) -> None:
        self._reviewed = reviewed
        self._drawing = reviewed.task.annotation_drawing

    def __bool__(self) -> bool:
        """Returns whether there is anything to draw."""
        return self._drawing is not None

    @property
    def colours(self) -> list[str]:
        """Returns the colour of each class, #rrggbb; empty where nothing is drawn."""
        return self._drawing.colours(self._reviewed.labels) if self._drawing else []

    def drawn(self, number: int, picture: np.ndarray) -> np.ndarray:
        """Draws an annotation into the picture of its image, uint8 [H, W, 3]; returns a new one.

        Args:
          number: place of the image in the catalog.
          picture: the upright image, at most SIDE_PX wide and high.
        """
        if not self._drawing:
            return picture
        labels, images = self._reviewed.labels, self._reviewed.images
        ((_, serialized),) = clean.read_records(self._reviewed.uri, images, {number})
        side = max(picture.shape[:2])
        annotation = self._reviewed.task.target.of(len(labels), side, "stretch")
        parsed = tf.io.parse_example(tf.constant([serialized]), dict(annotation.features))
        return self._drawing.drawn(picture, annotation.parse(parsed).numpy()[0], labels)
