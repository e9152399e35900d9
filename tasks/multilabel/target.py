"""The labels of an image, in records and in batches.

Dimension letters: B batch, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from data.examples import annotation, example
from data.graph import decoding


@dataclass(frozen=True)
class Annotation(annotation.OfWholeImage):
    """A set of labels for each image: in records a list of indices, as a target float32 [B, K].

    A target is 1 where the image has the label, else 0.

    Attributes:
      class_count: K.
    """

    class_count: int

    @property
    def features(self) -> Mapping[str, Any]:
        """See data.examples.annotation."""
        return {example.CLASS_LABEL: tf.io.VarLenFeature(tf.int64)}

    @property
    def spec(self) -> tf.TensorSpec:
        """See data.examples.annotation."""
        return tf.TensorSpec([None, self.class_count], tf.float32)

    def parse(self, parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns 0 or 1, float32 [B, K]; an index outside of the label map fails."""
        listed = parsed[example.CLASS_LABEL]
        places = tf.stack([listed.indices[:, 0], listed.values], axis=1)
        inside = tf.debugging.Assert(
            tf.reduce_all((listed.values >= 0) & (listed.values < self.class_count)),
            ["a record has a label outside of the label map"],
        )
        shape = tf.stack([listed.dense_shape[0], tf.constant(self.class_count, tf.int64)])
        with tf.control_dependencies([inside] if inside is not None else []):
            counts = tf.scatter_nd(places, tf.ones_like(listed.values, tf.float32), shape)
        return tf.ensure_shape(tf.minimum(counts, 1.0), [None, self.class_count])

    def encode(self, target: np.ndarray) -> dict[str, tf.train.Feature]:
        """Returns the indices of the labels, ascending, as a feature."""
        value = tf.train.Int64List(value=np.flatnonzero(target).tolist())
        return {example.CLASS_LABEL: tf.train.Feature(int64_list=value)}

    def presence(self, targets: np.ndarray) -> np.ndarray:
        """Returns bool [B, K]."""
        return np.asarray(targets) > 0

    def soft(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns the targets, which can be averaged as they are."""
        return targets

    def repeats(self, targets: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Returns the highest factor of an image's labels, and 1 for an image without labels.

        An image is shown as often as its rarest label needs. Source: repeat factor sampling, Gupta
        et al., "LVIS", 2019, https://arxiv.org/abs/1908.03195, section 5.1.
        """
        highest = tf.reduce_max(tf.cast(targets, factors.dtype) * factors, axis=1)
        return tf.where(tf.reduce_any(targets > 0, axis=1), highest, tf.ones_like(highest))


class Target:
    """See tasks.facets.training.Target."""

    def of(
        self, class_count: int, _size_px: int = 0, _resize: decoding.ResizeMode = "stretch"
    ) -> Annotation:
        """Returns the annotation with a label map of K classes."""
        return Annotation(class_count)


TARGET = Target()
