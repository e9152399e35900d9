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

    def joined(
        self,
        pixels: tf.Tensor,
        targets: tf.Tensor,
        config: augment_config.JoinConfig,
        seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Shows images of a batch in one another, with their targets; inside a graph.

        Args:
          pixels: uint8 [B, S, S, 3] in 0–255.
          targets: [B, …].
          config: how often.
          seed: int64 [2]; the same seed joins the same batch in the same way.

        Returns:
          The same, changed.

        Raises:
          ValueError: targets of this kind cannot be joined.
        """

    def repeats(self, targets: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
        """Computes how often images are shown in an epoch, in a graph or not.

        Args:
          targets: [B, …].
          factors: float [K], how often an image of each class is shown.

        Returns:
          float [B], of the dtype of ``factors``.
        """


class NotJoined:
    """The part of an annotation that has no objects which could be shown in another image."""

    def joined(
        self,
        _pixels: tf.Tensor,
        _targets: tf.Tensor,
        _config: augment_config.JoinConfig,
        _seed: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Refuses.

        Raises:
          ValueError: always.
        """
        raise ValueError("mosaic and copy-paste apply to boxes only")


class OfWholeImage(NotJoined):
    """The part of an annotation of images as a whole: nothing in it moves with their pixels."""

    def moved(
        self, targets: tf.Tensor, _draws: tf.Tensor, _changes: augment_config.AugmentConfig
    ) -> tf.Tensor:
        """Returns the targets."""
        return targets

    def counts(self, targets: np.ndarray) -> np.ndarray:
        """Returns the images of each class, int64 [K]."""
        return self.presence(targets).sum(axis=0)  # type: ignore[attr-defined, no-any-return]
