"""The objects of an image, in records and in batches.

Dimension letters: B batch, M objects, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from data.augment import augment_config, joining
from data.augment import boxes as augment_boxes
from data.boxes import features
from data.examples import example
from data.graph import decoding
from data.graph.decoding import ResizeMode

# An image with more objects is trained on with its first ones; a check tells.
MAX_OBJECTS = 100
NO_OBJECT = -1
# Columns of a target.
CORNERS, CLASS_ID, IS_IGNORED = slice(0, 4), 4, 5
COLUMNS = 6


@dataclass(frozen=True)
class Annotation:
    """Objects: as a target float32 [B, M, 6], of which places without an object have the class −1.

    The columns are ymin, xmin, ymax, xmax in 0–1 of the square image, the index of the class, and 1
    where the object is ignored in training (a crowd, or a difficult one), else 0.

    Image records hold boxes of the whole image, pixels records those of the square.

    Attributes:
      class_count: K.
      size_px: the side of the square.
      resize: how images became square.
    """

    class_count: int
    size_px: int = 1
    resize: ResizeMode = "stretch"

    @property
    def features(self) -> Mapping[str, Any]:
        """See data.examples.annotation."""

        def rows(dtype: tf.DType, default: float) -> tf.io.FixedLenSequenceFeature:
            return tf.io.FixedLenSequenceFeature([], dtype, True, default)

        return {
            example.HEIGHT: tf.io.FixedLenFeature([], tf.int64),
            example.WIDTH: tf.io.FixedLenFeature([], tf.int64),
            **{name: rows(tf.float32, 0.0) for name in features.SIDES},
            # 0 where an image has fewer objects than another of its batch: the background.
            features.LABEL: rows(tf.int64, 0),
            features.IS_CROWD: rows(tf.int64, 0),
            features.DIFFICULT: rows(tf.int64, 0),
        }

    @property
    def spec(self) -> tf.TensorSpec:
        """See data.examples.annotation."""
        return tf.TensorSpec([None, MAX_OBJECTS, COLUMNS], tf.float32)

    def parse(self, parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Returns targets float32 [B, M, 6]."""
        ignored = (parsed[features.IS_CROWD] > 0) | (parsed[features.DIFFICULT] > 0)
        columns = [
            *(parsed[name] for name in features.SIDES),
            tf.cast(parsed[features.LABEL] - features.BACKGROUND, tf.float32),
            tf.cast(ignored, tf.float32),
        ]
        sides = tf.stack([parsed[example.HEIGHT], parsed[example.WIDTH]], axis=1)
        rows = self._squared(tf.stack(columns, axis=-1)[:, :MAX_OBJECTS], sides)
        missing = tf.repeat(
            tf.constant([[[0.0] * CLASS_ID + [NO_OBJECT, 0.0]]]),
            MAX_OBJECTS - tf.shape(rows)[1],
            axis=1,
        )
        missing = tf.repeat(missing, tf.shape(rows)[0], axis=0)
        return tf.ensure_shape(tf.concat([rows, missing], axis=1), self.spec.shape)

    def encode(self, target: np.ndarray) -> dict[str, tf.train.Feature]:
        """Returns the objects of one image as features."""
        rows = target[target[:, CLASS_ID] >= 0]
        numbers = rows[:, CLASS_ID].astype(int) + features.BACKGROUND
        columns = zip(features.SIDES, rows[:, CORNERS].T, strict=True)
        ignored = rows[:, IS_IGNORED].astype(int)
        return {
            example.HEIGHT: features.integers([self.size_px]),
            example.WIDTH: features.integers([self.size_px]),
            **{name: features.floats(values) for name, values in columns},
            features.LABEL: features.integers(numbers),
            features.IS_CROWD: features.integers(np.zeros_like(ignored)),
            features.DIFFICULT: features.integers(ignored),
        }

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """Returns the objects of each class, int64 [K]."""
        class_ids = np.asarray(targets)[..., CLASS_ID].astype(int)
        return np.bincount(class_ids[class_ids >= 0], minlength=self.class_count)

    def presence(self, targets: np.ndarray) -> np.ndarray:
        """Returns bool [B, K]: which classes have an object in each image."""
        class_ids = np.asarray(targets)[..., CLASS_ID]
        return (class_ids[..., None] == np.arange(self.class_count)).any(axis=1)  # type: ignore[no-any-return]

    def soft(self, targets: tf.Tensor) -> tf.Tensor:
        """Refuses: boxes of two images cannot be averaged.

        Raises:
          ValueError: always.
        """
        raise ValueError("mixup and CutMix do not apply to boxes")

    def joined(
        self,
        pixels: tf.Tensor,
        targets: tf.Tensor,
        config: augment_config.JoinConfig,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Shows images of a batch in one another; their objects go with them."""
        present = targets[..., CLASS_ID] >= 0
        pixels, corners, kept, places = joining.join(
            pixels, targets[..., CORNERS], present, config, seed
        )
        rest = tf.gather_nd(targets[..., CLASS_ID:], places)
        nothing = tf.constant([NO_OBJECT, 0], tf.float32)
        return pixels, tf.concat([corners, tf.where(kept[..., None], rest, nothing)], axis=-1)

    def repeats(self, targets: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Returns the factor of the rarest class of each image; 1 for an image without objects."""
        found = targets[..., CLASS_ID, None] == tf.range(self.class_count, dtype=tf.float32)
        present = tf.reduce_any(found, axis=1)
        highest = tf.reduce_max(tf.where(present, factors, 0), axis=1)
        return tf.where(tf.reduce_any(present, axis=1), highest, tf.ones_like(highest))

    def moved(
        self, targets: tf.Tensor, draws: tf.Tensor, changes: augment_config.AugmentConfig
    ) -> tf.Tensor:
        """Moves the boxes as augmentation moves the pixels; lost objects leave their place empty."""
        corners, kept = augment_boxes.move(targets[..., CORNERS], draws, changes)
        class_ids = tf.where(kept, targets[..., CLASS_ID], float(NO_OBJECT))[..., None]
        return tf.concat([corners, class_ids, targets[..., IS_IGNORED:]], axis=-1)

    def _squared(self, targets: tf.Tensor, sides: tf.Tensor) -> tf.Tensor:
        """Moves boxes of whole images to their squares; those of squares stay bit for bit."""
        scale, offset = decoding.square_map(sides, self.resize, self.size_px)
        corners = targets[..., CORNERS] * scale[:, None] + offset[:, None]
        whole = _areas(corners)
        corners = tf.clip_by_value(corners, 0.0, 1.0)
        kept = _areas(corners) > augment_boxes.MIN_LEFT_SHARE * whole
        class_ids = tf.where(kept, targets[..., CLASS_ID], float(NO_OBJECT))[..., None]
        corners = tf.where(kept[..., None], corners, 0.0)
        return tf.concat([corners, class_ids, targets[..., IS_IGNORED:]], axis=-1)


def _areas(corners: tf.Tensor) -> tf.Tensor:
    return (corners[..., 2] - corners[..., 0]) * (corners[..., 3] - corners[..., 1])


class Target:
    """See tasks.facets.training.Target."""

    def of(self, class_count: int, size_px: int = 1, resize: ResizeMode = "stretch") -> Annotation:
        """Returns the annotation with a label map of K classes, at the size of the model."""
        return Annotation(class_count, size_px, resize)


TARGET = Target()
