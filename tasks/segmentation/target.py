"""The mask of an image, in records and in batches.

In both kinds of record a mask is a PNG of one channel: class numbers, 255 for void. In an image record
it has the size of the image; a pixels record and a batch have it at the size of the model.

Dimension letters: B batch, S side in pixels, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from data.augment import augment, augment_config
from data.examples import annotation, example
from data.graph import decoding, mask_geometry
from data.masks import convert


@dataclass(frozen=True)
class Annotation(annotation.NotJoined):
    """One mask for each image, as a target uint8 [B, S, S].

    Attributes:
      class_count: K.
      size_px: S.
      resize: how images became square.
    """

    class_count: int
    size_px: int
    resize: decoding.ResizeMode

    @property
    def features(self) -> Mapping[str, Any]:
        """See data.examples.annotation."""
        return {example.MASK: tf.io.FixedLenFeature([], tf.string)}

    @property
    def spec(self) -> tf.TensorSpec:
        """See data.examples.annotation."""
        return tf.TensorSpec([None, self.size_px, self.size_px], tf.uint8)

    def parse(self, parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns masks uint8 [B, S, S]: class numbers and 255 for void."""

        def one(encoded: tf.Tensor) -> tf.Tensor:
            mask = tf.io.decode_png(encoded, channels=1)[..., 0]
            return mask_geometry.resize_mask(mask, self.size_px, self.resize)

        wanted = tf.TensorSpec([self.size_px, self.size_px], tf.uint8)
        return tf.map_fn(  # type: ignore[no-any-return]
            one, parsed[example.MASK], fn_output_signature=wanted, parallel_iterations=16
        )

    def encode(self, target: np.ndarray) -> dict[str, tf.train.Feature]:
        """Returns a mask uint8 [S, S] as a feature."""
        value = tf.train.BytesList(value=[convert.encode(target)])
        return {example.MASK: tf.train.Feature(bytes_list=value)}

    def moved(
        self, targets: tf.Tensor, draws: tf.Tensor, changes: augment_config.AugmentConfig
    ) -> tf.Tensor:
        """Moves masks with their images; see data.augment.augment.apply_to_masks."""
        return augment.apply_to_masks(targets, draws, changes)

    def presence(self, targets: np.ndarray) -> np.ndarray:
        """Returns bool [B, K]: which classes have a pixel in each image."""
        found = np.zeros([len(targets), self.class_count], bool)
        for row, target in zip(found, targets, strict=True):
            values = np.unique(target)
            row[values[values < self.class_count]] = True
        return found

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """Returns the pixels of each class in all images together, int64 [K]."""
        flat = np.asarray(targets).ravel()
        return np.bincount(flat, minlength=256)[: self.class_count].astype(np.int64)

    def soft(self, targets: tf.Tensor) -> tf.Tensor:
        """Returns one-hot masks float32 [B, S, S, K], zeros where void."""
        return tf.one_hot(tf.cast(targets, tf.int32), self.class_count)

    def repeats(self, targets: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Returns the root of the largest factor of the classes in each image; 1 for void alone.

        The root since factors follow from pixels, and an image shows common classes too. Source: repeat
        factor sampling, Gupta et al., "LVIS", 2019, https://arxiv.org/abs/1908.03195, section 5.1.
        """
        held = tf.one_hot(tf.cast(targets, tf.int32), self.class_count, dtype=factors.dtype)
        present = tf.reduce_max(held, axis=[1, 2])
        largest = tf.reduce_max(present * factors, axis=1)
        shown = tf.reduce_any(present > 0, axis=1)
        return tf.where(shown, tf.sqrt(largest), tf.ones_like(largest))


class Target:
    """See tasks.task.Target."""

    def of(self, class_count: int, size_px: int, resize: decoding.ResizeMode) -> Annotation:
        """Returns the annotation with a label map of K classes, at the size of the model."""
        return Annotation(class_count, size_px, resize)


TARGET = Target()
