"""The class of an image, if it has one, in records and in batches: whose images are like it.

Dimension letter: B batch.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from data.examples import example
from data.graph import decoding
from tasks import one_class

NO_LABEL = -1


class Annotation(one_class.Annotation):
    """One class for each image, or none: in records its index, as a target label_ids int64 [B].

    A target is NO_LABEL where the image has no class.
    """

    @property
    def features(self) -> Mapping[str, Any]:
        """See data.examples.annotation."""
        return {example.CLASS_LABEL: tf.io.VarLenFeature(tf.int64)}

    def parse(self, parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns label_ids int64 [B]; a record with several classes fails."""
        listed = parsed[example.CLASS_LABEL]
        alone = tf.sparse.reset_shape(listed, tf.stack([listed.dense_shape[0], 1]))
        return tf.ensure_shape(tf.sparse.to_dense(alone, NO_LABEL)[:, 0], [None])

    def encode(self, target: np.ndarray) -> dict[str, tf.train.Feature]:
        """Returns the index as a feature."""
        values = [int(target)] if int(target) != NO_LABEL else []
        feature = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
        return {example.CLASS_LABEL: feature}


class Target:
    """See tasks.facets.training.Target."""

    def of(
        self, class_count: int, _size_px: int = 0, _resize: decoding.ResizeMode = "stretch"
    ) -> Annotation:
        """Returns the annotation with a label map of K classes."""
        return Annotation(class_count)


def annotated(serialized: tf.Tensor) -> dict[str, pa.Array]:
    """Parses image records, string [B], into the columns of ``one_class.COLUMNS``."""
    ragged = {
        example.CLASS_TEXT: tf.io.RaggedFeature(tf.string),
        example.CLASS_LABEL: tf.io.RaggedFeature(tf.int64),
    }
    found = tf.io.parse_example(serialized, ragged)
    columns = {
        one_class.LABEL: (example.CLASS_TEXT, b""),
        one_class.LABEL_ID: (example.CLASS_LABEL, NO_LABEL),
    }
    return {
        column: pa.array(
            found[name].to_tensor(missing, shape=[None, 1])[:, 0].numpy().tolist(),
            one_class.COLUMNS[column],
        )
        for column, (name, missing) in columns.items()
    }


TARGET = Target()
