"""A segmentation model's answers in memory: masks as PNG, and what is counted of each image.

Each image takes K² + 5·K numbers beside its masks: its matrix of pixels by true and answered class, and its
outlines.

Dimension letters: B batch, N images, H W image, K classes.
"""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from typing_extensions import Self

from data.graph import mask_geometry
from data.images import decode_config
from data.masks import VOID
from tasks.predictions import answered
from tasks.segmentation.figures import boundary, pixels, rows

# Masks are larger than their images' limits only in a file that no model wrote.
MAX_PIXELS = decode_config.MAX_PIXELS


def decoded(png: bytes) -> np.ndarray:
    """Decodes a mask of one channel, uint8 [H, W].

    Raises:
      ValueError: it is larger than any mask, or of another kind.
    """
    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        if image.width * image.height > MAX_PIXELS or image.mode != "L":
            raise ValueError(f"a mask of {image.width}×{image.height} in mode {image.mode}")
        return np.asarray(image)


def measured(
    truth: bytes, mask: bytes | None, class_count: int, places: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Counts one image: its matrix int64 [K, K + 1] and its outlines int64 [K, 4].

    Args:
      truth: the true mask.
      mask: the model's; None without a valid answer.
      class_count: K.
      places: uint8 [256]: class numbers of the model → those of the data; None: they are the same.
    """
    true = decoded(truth)
    told = None if not mask else decoded(mask)
    if told is not None and places is not None:
        told = places[told]
    return _counted(true, told, class_count)


def _counted(
    true: np.ndarray, told: np.ndarray | None, class_count: int
) -> tuple[np.ndarray, np.ndarray]:
    return pixels.confusion(true, told, class_count), boundary.counts(true, told, class_count)


@dataclass(frozen=True)
class Predictions(answered.Answered):
    """A segmentation model's answers, in the order of the records.

    Attributes:
      names: the K class names that the masks of the data number.
      truths: N true masks as PNG.
      masks: N masks of the model as PNG; empty where the image was not valid.
      sure: N masks of the model as PNG, 255 where it is not sure; empty as masks.
      confidences: float32 [N], the mean of the highest probability of the pixels.
      matrices: int64 [N, K, K + 1], pixels by true and answered class.
      outlines: int64 [N, K, 4], see figures/boundary.py.
    """

    names: list[str]
    truths: np.ndarray
    masks: np.ndarray
    sure: np.ndarray
    confidences: np.ndarray
    matrices: np.ndarray
    outlines: np.ndarray

    @classmethod
    def of(cls, common: Mapping[str, Any], names: Sequence[str], **columns: Any) -> "Predictions":
        """Counts the pixels of all images.

        Args:
          common: the attributes of ``Answered``.
          names: the classes that the true masks number.
          columns: truths, masks, sure and confidences.
        """
        model, size = list(common["labels"]), len(names)
        places = None
        if model != list(names):
            places = np.full(256, VOID, np.uint8)
            for number, name in enumerate(model):
                places[number] = names.index(name) if name in names else VOID
        with futures.ThreadPoolExecutor() as pool:
            counted = list(
                pool.map(
                    lambda pair: measured(pair[0], pair[1], size, places),
                    zip(columns["truths"], columns["masks"], strict=True),
                )
            )
        matrices = np.array([one[0] for one in counted], np.int64).reshape(-1, size, size + 1)
        outlines = np.array([one[1] for one in counted], np.int64).reshape(-1, size, 4)
        return cls(**common, names=list(names), matrices=matrices, outlines=outlines, **columns)

    @property
    def targets(self) -> np.ndarray:
        """See the base class: the pixels of each class, int64 [N, K]."""
        return self.matrices.sum(-1)  # type: ignore[no-any-return]

    @property
    def answers(self) -> np.ndarray:
        """See the base class: rows of rows.packed."""
        return rows.packed(self.matrices, self.outlines)

    def answers_of(
        self, probabilities: np.ndarray, places: np.ndarray, square: answered.Square
    ) -> np.ndarray:
        """See the base class; masks are compared at the size of the model."""
        side, counted = square.size_px, []
        for scores, place in zip(probabilities, places, strict=True):
            truth = mask_geometry.resize_mask(
                tf.constant(decoded(self.truths[place])), side, square.resize
            )
            told = tf.cast(tf.argmax(tf.image.resize(scores, [side, side]), axis=-1), tf.uint8)
            counted.append(_counted(truth.numpy(), told.numpy(), len(self.names)))
        matrices, outlines = (np.stack(part) for part in zip(*counted, strict=True))
        return rows.packed(matrices, outlines)

    @property
    def right(self) -> np.ndarray:
        """See the base class: images all of whose pixels are right."""
        return pixels.Sums.of(self.matrices).hits.sum(-1) == self.targets.sum(-1)

    @property
    def mean_ious(self) -> np.ndarray:
        """Returns the mean IoU of each image over the classes in it, float64 [N]; NaN: void alone."""
        return pixels.Sums.of(self.matrices).mean_iou

    @property
    def support(self) -> np.ndarray:
        """See the base class: the images that show each class."""
        return (self.targets > 0).sum(0)  # type: ignore[no-any-return]

    @property
    def groups(self) -> np.ndarray:
        """See the base class: the class with the most pixels."""
        return self.targets.argmax(1)  # type: ignore[no-any-return]

    @property
    def mean_score(self) -> float | None:
        """See the base class: the mean confidence."""
        valid = self.confidences[self.valid]
        return float(valid.mean(dtype=np.float64)) if len(valid) else None

    def aligned(self, labels: Sequence[str]) -> Self:
        """See the base class; the figures are by the labels of the data already."""
        if list(labels) == self.names:
            return dataclasses.replace(self, labels=list(labels))
        size, old = len(labels), {name: place for place, name in enumerate(self.names)}
        matrices = np.zeros([len(self.paths), size, size + 1], np.int64)
        outlines = np.zeros([len(self.paths), size, 4], np.int64)
        for row, name in enumerate(labels):
            if name not in old:
                continue
            outlines[:, row] = self.outlines[:, old[name]]
            matrices[:, row, -1] = self.matrices[:, old[name]].sum(-1)
            for column, other in enumerate(labels):
                if other in old:
                    cells = self.matrices[:, old[name], old[other]]
                    matrices[:, row, column] = cells
                    matrices[:, row, -1] -= cells
        return dataclasses.replace(
            self, labels=list(labels), names=list(labels), matrices=matrices, outlines=outlines
        )
