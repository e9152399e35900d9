"""The answers of segmentation: the mask of each image, beside the true one.

Both are PNGs in the Parquet files, some kilobytes an image; masks.py has them in memory.

Dimension letters: B batch, N images, H W image, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from data.examples import example
from data.files import read_back
from tasks.predictions import answered, plain_files, schema
from tasks.segmentation import figures
from tasks.segmentation.answers import masks
from tasks.segmentation.figures import rows
from tasks.statistics import groups

TRUTH = "true_mask"
MASK = "mask"
SURE = "sure"
FRACTIONS = "class_fractions"
CONFIDENCE = "confidence"
PREDICTED = "predicted"
SHARE_OF = "share of "


class Answers(plain_files.PlainFiles):
    """See ``judging.Answers``."""

    annotation: Mapping[str, pa.DataType] = {TRUTH: pa.binary()}
    answer: Mapping[str, pa.DataType] = {
        MASK: pa.binary(),
        SURE: pa.binary(),
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
            SURE: pa.array(outputs["sure_png"].tolist(), pa.binary()),
            CONFIDENCE: pa.array(outputs[CONFIDENCE].astype(np.float32)),
            FRACTIONS: pa.ListArray.from_arrays(offsets, pa.array(shares.ravel())),
        }

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {}

    def evaluated(self, row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[float]]:
        """See ``judging.Answers``: the matrix of the image and its outlines."""
        matrix, outlines = masks.measured(row[TRUTH], row[MASK], len(row[FRACTIONS]))
        number = np.array([row.get(schema.GROUP, groups.ALONE)])
        packed = rows.packed(matrix[None], outlines[None], number)[0]
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
        return {MASK: b"", SURE: b"", CONFIDENCE: 0.0, FRACTIONS: [0.0] * len(labels)}

    def header(self, labels: Sequence[str]) -> list[str]:
        """See ``judging.Answers``."""
        return [CONFIDENCE, *(f"{SHARE_OF}{name}" for name in labels)]

    def lines(
        self,
        row: Mapping[str, Any] | None,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> list[list[Any]]:
        """See ``judging.Answers``."""
        if row is None:
            return [[None] * (1 + len(labels))]
        return [[row[CONFIDENCE], *row[FRACTIONS]]]

    def named(self, row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        shares = dict(zip(labels, row[FRACTIONS], strict=True))
        return {CONFIDENCE: row[CONFIDENCE], FRACTIONS: shares}

    def read(self, uri: str, split: str) -> masks.Predictions:
        """See ``judging.Answers``."""
        paths = schema.files(uri, split)
        types = {**self.annotation, **self.answer}
        wanted = (*answered.COLUMNS, TRUTH, MASK, SURE, CONFIDENCE)
        table = schema.read_columns(paths, wanted, types)
        labels = schema.labels_of(table.schema)
        with read_back.reading(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            return masks.Predictions.of(
                answered.common(table, labels),
                labels,
                truths=_objects(table[TRUTH]),
                masks=_objects(table[MASK]),
                sure=_objects(table[SURE]),
                confidences=table[CONFIDENCE].to_numpy(),
            )

    def replaced(
        self,
        annotated: masks.Predictions,
        table: pa.Table,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> masks.Predictions:
        """See ``judging.Answers``."""
        common = {
            "paths": annotated.paths,
            "spans": annotated.spans,
            **answered.by_model(table, labels),
        }
        return masks.Predictions.of(
            common,
            annotated.names,
            truths=annotated.truths,
            masks=_objects(table[MASK]),
            sure=_objects(table[SURE]),
            confidences=table[CONFIDENCE].to_numpy(),
        )


def _objects(column: pa.ChunkedArray) -> np.ndarray:
    """Returns a column of bytes as an array of objects [N]."""
    found = np.empty(len(column), object)
    found[:] = column.to_pylist()
    return found


ANSWERS = Answers()
