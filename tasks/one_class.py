"""One class for each image: in records, in batches, and in Predictions.

Dimension letters: B batch, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from data.examples import annotation, example
from data.graph import decoding


@dataclass(frozen=True)
class Annotation(annotation.OfWholeImage):
    """One class for each image: in records its index, as a target label_ids int64 [B].

    Attributes:
      class_count: K.
    """

    class_count: int

    @property
    def features(self) -> Mapping[str, Any]:
        """See data.examples.annotation."""
        return {example.CLASS_LABEL: tf.io.FixedLenFeature([], tf.int64)}

    @property
    def spec(self) -> tf.TensorSpec:
        """See data.examples.annotation."""
        return tf.TensorSpec([None], tf.int64)

    def parse(self, parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns label_ids int64 [B]."""
        return parsed[example.CLASS_LABEL]

    def encode(self, target: np.ndarray) -> dict[str, tf.train.Feature]:
        """Returns the index as a feature."""
        value = tf.train.Int64List(value=[int(target)])
        return {example.CLASS_LABEL: tf.train.Feature(int64_list=value)}

    def presence(self, targets: np.ndarray) -> np.ndarray:
        """Returns bool [B, K], one true in each row."""
        return np.asarray(targets)[:, None] == np.arange(self.class_count)

    def soft(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns probabilities float32 [B, K]."""
        return tf.one_hot(targets, self.class_count)

    def repeats(self, targets: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Returns the factor of each image's class."""
        return tf.gather(factors, targets)


class Target:
    """See tasks.facets.training.Target."""

    def of(
        self, class_count: int, _size_px: int = 0, _resize: decoding.ResizeMode = "stretch"
    ) -> Annotation:
        """Returns the annotation with a label map of K classes."""
        return Annotation(class_count)


LABEL = "label"
LABEL_ID = "label_id"
# The columns of Predictions with what is true of an image.
COLUMNS: Mapping[str, pa.DataType] = {LABEL: pa.binary(), LABEL_ID: pa.int64()}


def annotated(serialized: tf.Tensor) -> dict[str, pa.Array]:
    """Parses image records, string [B], into the columns of COLUMNS."""
    found = example.parse(serialized, [example.CLASS_TEXT, example.CLASS_LABEL])
    return {
        LABEL: pa.array(found[example.CLASS_TEXT].numpy().tolist(), pa.binary()),
        LABEL_ID: pa.array(found[example.CLASS_LABEL].numpy(), pa.int64()),
    }


def relabelled(
    label_ids: np.ndarray,
    paths: Sequence[str],
    names: Sequence[str],
    labels: Mapping[str, Sequence[str]],
) -> np.ndarray | None:
    """Returns the numbers of other true classes, int64 [N]; None where one is not among the names.

    Args:
      label_ids: int64 [N], those until now.
      paths: the N images.
      names: the K classes.
      labels: path → the names of its classes, of some images; they must have one each.
    """
    numbers = {name: number for number, name in enumerate(names)}
    if any(len(own) != 1 or own[0] not in numbers for own in labels.values()):
        return None
    changed = [
        numbers[labels[path][0]] if path in labels else label_id
        for path, label_id in zip(paths, label_ids, strict=True)
    ]
    return np.array(changed, np.int64)
