"""The interface of an image's annotation: in records, and as the target of a batch.

What is annotated depends on what a model learns; here it is an array with a leading B whose
meaning only its owner knows. Dimension letters: B batch, N images, K classes.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from data.augment import augment_config


class Annotation(Protocol):
    """Annotation of images with a frozen label map.

    Implementations are hashable and equal if they do the same, so that graphs are traced once.
    """

    def __hash__(self) -> int:
        """Returns equal numbers for equal annotations."""

    @property
    def class_count(self) -> int:
        """Returns K."""

    @property
    def features(self) -> Mapping[str, Any]:
        """Returns the parsing of its features, equal in image records and pixels records."""

    @property
    def spec(self) -> tf.TensorSpec:
        """Returns the shape [None, …] and dtype of targets."""

    def parse(self, parsed: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """Converts parsed features of B records to targets [B, …], inside a graph."""

    def encode(self, target: np.ndarray) -> dict[str, tf.train.Feature]:
        """Converts the target of one image back to features of its pixels record."""

    def moved(
        self, targets: tf.Tensor, draws: tf.Tensor, changes: augment_config.AugmentConfig
    ) -> tf.Tensor:
        """Changes targets as augmentation changes their images; in a graph or not.

        Args:
          targets: [B, …].
          draws: float32 [B, DRAWS] in [0, 1), those of the images.
          changes: the extents.
        """

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """Returns how often each class is there, int64 [K]: images, or pixels."""

    def presence(self, targets: np.ndarray) -> np.ndarray:
        """Returns bool [B, K]: which classes are in each image."""

    def soft(self, targets: tf.Tensor) -> tf.Tensor:
        """Converts targets to numbers that can be averaged, to mix images; inside a graph."""

    def repeats(self, targets: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Computes how often images are shown in an epoch, in a graph or not.

        Args:
          targets: [B, …].
          factors: float [K], how often an image of each class is shown.

        Returns:
          float [B], of the dtype of ``factors``.
        """


class OfWholeImage:
    """The part of an annotation of images as a whole: nothing in it moves with their pixels."""

    def moved(
        self, targets: tf.Tensor, _draws: tf.Tensor, _changes: augment_config.AugmentConfig
    ) -> tf.Tensor:
        """Returns the targets."""
        return targets

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """Returns the images of each class, int64 [K]."""
        return self.presence(targets).sum(axis=0)  # type: ignore[attr-defined, no-any-return]
