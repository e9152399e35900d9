"""The answers of segmentation: the mask of each image, beside the true one.

Both are PNGs in the Parquet files, some kilobytes an image. In memory each image takes K² + 6·K
numbers: its matrix of pixels by true and answered class, and its outlines.

Dimension letters: B batch, N images, H W image, K classes.
"""

import dataclasses
import io
from collections.abc import Mapping, Sequence
from concurrent import futures
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from PIL import Image
from typing_extensions import Self

from data.examples import example
from data.files import read_back
from data.images import decode
from data.masks import VOID
from tasks.predictions import answered, schema
from tasks.segmentation import figures
from tasks.segmentation.figures import boundary, pixels

TRUTH = "true_mask"
MASK = "mask"
FRACTIONS = "class_fractions"
CONFIDENCE = "confidence"
PREDICTED = "predicted"
SHARE_OF = "share of "
# Masks are larger than their images' limits only in a file that no model wrote.
MAX_PIXELS = decode.MAX_PIXELS


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
    return pixels.confusion(true, told, class_count), boundary.counts(true, told, class_count)


@dataclass(frozen=True)
class Predictions(answered.Answered):
    """A segmentation model's answers, in the order of the records.

    Attributes:
      names: the K class names that the masks of the data number.
      truths: N true masks as PNG.
      masks: N masks of the model as PNG; empty where the image was not valid.
      confidences: float32 [N], the mean of the highest probability of the pixels.
      matrices: int64 [N, K, K + 1], pixels by true and answered class.
      outlines: int64 [N, K, 4], see figures/boundary.py.
    """

    names: list[str]
    truths: np.ndarray
    masks: np.ndarray
    confidences: np.ndarray
    matrices: np.ndarray
    outlines: np.ndarray

    @classmethod
    def of(cls, common: Mapping[str, Any], names: Sequence[str], **columns: Any) -> "Predictions":
        """Counts the pixels of all images.

        Args:
          common: the attributes of ``Answered``.
          names: the classes that the true masks number.
          columns: truths, masks and confidences.
        """
        model, size = list(common["labels"]), len(names)
        places = None
        if model != list(names):
            places = np.full(256, VOID, np.uint8)
            for number, name in enumerate(model):
                places[number] = names.index(name) if name in names else VOID
        with futures.ThreadPoolExecutor() as pool:
            rows = list(
                pool.map(
                    lambda pair: measured(pair[0], pair[1], size, places),
                    zip(columns["truths"], columns["masks"], strict=True),
                )
            )
        matrices = np.array([row[0] for row in rows], np.int64).reshape(-1, size, size + 1)
        outlines = np.array([row[1] for row in rows], np.int64).reshape(-1, size, 4)
        return cls(**common, names=list(names), matrices=matrices, outlines=outlines, **columns)

    @property
    def targets(self) -> np.ndarray:
        """See the base class: the pixels of each class, int64 [N, K]."""
        return self.matrices.sum(-1)  # type: ignore[no-any-return]

    @property
    def answers(self) -> np.ndarray:
        """See the base class: rows of figures.packed."""
        return figures.packed(self.matrices, self.outlines)

    def answers_of(self, probabilities: np.ndarray) -> np.ndarray:
        """See the base class; figures of masks do not follow from probabilities alone."""
        raise NotImplementedError("answers about pixels are masks")

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


class Answers:
    """See ``judging.Answers``."""

    annotation: Mapping[str, pa.DataType] = {TRUTH: pa.binary()}
    answer: Mapping[str, pa.DataType] = {
        MASK: pa.binary(),
        CONFIDENCE: pa.float32(),
        FRACTIONS: pa.list_(pa.float32()),
    }
    shown: Mapping[str, pa.DataType] = {PREDICTED: pa.string()}
    attached: Mapping[str, str] = {MASK: ".png"}

    def annotated(self, serialized: tf.Tensor) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        spec = {example.MASK: tf.io.FixedLenFeature([], tf.string)}
        found = tf.io.parse_example(serialized, spec)[example.MASK]
        return {TRUTH: pa.array(found.numpy().tolist(), pa.binary())}

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        shares = outputs[FRACTIONS].astype(np.float32)
        offsets = pa.array(np.arange(len(shares) + 1) * shares.shape[1], pa.int32())
        return {
            MASK: pa.array(outputs["mask_png"].tolist(), pa.binary()),
            CONFIDENCE: pa.array(outputs[CONFIDENCE].astype(np.float32)),
            FRACTIONS: pa.ListArray.from_arrays(offsets, pa.array(shares.ravel())),
        }

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {}

    def evaluated(self, row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[float]]:
        """See ``judging.Answers``: the matrix of the image and its outlines."""
        matrix, outlines = measured(row[TRUTH], row[MASK], len(row[FRACTIONS]))
        packed = figures.packed(matrix[None], outlines[None])[0]
        return {
            figures.PIXELS: matrix.sum(1).astype(float).tolist(),
            figures.CONFUSION: packed.tolist(),
        }

    def told(
        self, row: Mapping[str, Any] | None, labels: Sequence[str], about: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See ``judging.Answers``: the class with the largest share of the pixels."""
        if row is None:
            return {PREDICTED: None}
        return {PREDICTED: labels[int(np.argmax(row[FRACTIONS]))]}

    def nothing(self, labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {MASK: b"", CONFIDENCE: 0.0, FRACTIONS: [0.0] * len(labels)}

    def header(self, labels: Sequence[str]) -> list[str]:
        """See ``judging.Answers``."""
        return [CONFIDENCE, *(f"{SHARE_OF}{name}" for name in labels)]

    def cells(self, row: Mapping[str, Any] | None, labels: Sequence[str]) -> list[Any]:
        """See ``judging.Answers``."""
        if row is None:
            return [None] * (1 + len(labels))
        return [row[CONFIDENCE], *row[FRACTIONS]]

    def named(self, row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        shares = dict(zip(labels, row[FRACTIONS], strict=True))
        return {CONFIDENCE: row[CONFIDENCE], FRACTIONS: shares}

    def read(self, uri: str, split: str) -> Predictions:
        """See ``judging.Answers``."""
        paths = schema.files(uri, split)
        types = {**self.annotation, **self.answer}
        wanted = (*answered.COLUMNS, TRUTH, MASK, CONFIDENCE)
        table = schema.read_columns(paths, wanted, types)
        labels = schema.labels_of(table.schema)
        with read_back.reading(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            return Predictions.of(
                answered.common(table, labels),
                labels,
                truths=_objects(table[TRUTH]),
                masks=_objects(table[MASK]),
                confidences=table[CONFIDENCE].to_numpy(),
            )

    def replaced(
        self,
        annotated: Predictions,
        table: pa.Table,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Predictions:
        """See ``judging.Answers``."""
        common = {
            "paths": annotated.paths,
            "spans": annotated.spans,
            **answered.by_model(table, labels),
        }
        return Predictions.of(
            common,
            annotated.names,
            truths=annotated.truths,
            masks=_objects(table[MASK]),
            confidences=table[CONFIDENCE].to_numpy(),
        )


def _objects(column: pa.ChunkedArray) -> np.ndarray:
    """Returns a column of bytes as an array of objects [N]."""
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found


ANSWERS = Answers()
