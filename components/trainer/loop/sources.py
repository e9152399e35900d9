"""Sources of batches: pixels augmented anew in every epoch, or cached features.

An epoch is a pure function of the seed and its number, and can be entered in the middle, so that
a killed training resumes with identical results.

Dimension letters: B batch, S side in pixels, K classes.
"""

import functools
import hashlib
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import tensorflow as tf

from components.trainer.features import cache
from data.augment import augment_config, mixing
from data.examples import dataset, reading, shared_iterator
from data.examples.annotation import Annotation


class Source(Protocol):
    """Source of inputs [B, …] and targets [B, …], in training perhaps mixed."""

    image_count: int
    batch_size: int

    def epoch(self, epoch: int, skip_batches: int = 0, following: int = 0) -> tf.data.Dataset:
        """Returns the training batches of an epoch after the skipped ones.

        Args:
          epoch: its number, 0 or more.
          skip_batches: number of batches to leave out at its start.
          following: how many epochs will be asked for after this one, at most. If there are any,
            they may be read ahead, and each must be read once, whole and in order.
        """

    def evaluation(self) -> tf.data.Dataset:
        """Returns the eval split without augmentation and mixing."""

    def close(self) -> None:
        """Ends what is read ahead."""


class SolvableSource(Source, Protocol):
    """Source that also gives what a head is solved for."""

    @property
    def view_count(self) -> int:
        """Returns the number of cached views; 1 without a cache."""

    def first_views(self, count: int) -> tf.data.Dataset:
        """Returns the train split in order, unmixed: the first views, or the unchanged pixels."""


@dataclass(frozen=True)
class Order:
    """Order of the images of an epoch, common to all sources.

    Attributes:
      batch_size: B.
      seed: of this phase.
      annotation: what the images are annotated with.
      mix: the settings of mixing pairs of images.
      repeats: K numbers: how often an image of each class is shown in an epoch; None: once.
      join: the settings of showing images in one another.
    """

    batch_size: int
    seed: int
    annotation: Annotation
    mix: augment_config.MixConfig
    repeats: Sequence[float] | None = None
    join: augment_config.JoinConfig = field(default_factory=augment_config.JoinConfig)

    def indices(self, targets: np.ndarray, epoch: int) -> np.ndarray:
        """Computes the order of an epoch: as many indices as there are targets, int64 [N].

        The order is a pure function of the arguments and of the attributes.

        Args:
          targets: [N, …].
          epoch: number of the epoch.
        """
        generator = np.random.Generator(np.random.Philox(number(self.seed, epoch, "order")))
        count = len(targets)
        if self.repeats is None:
            return generator.permutation(count)
        factors = tf.constant(self.repeats, tf.float64)
        wanted = self.annotation.repeats(tf.constant(targets), factors).numpy()
        times = np.floor(wanted + generator.random(count)).astype(int)
        drawn = generator.permutation(np.repeat(np.arange(count), times))
        return np.resize(drawn if len(drawn) else np.arange(count), count)

    def joined(self, batches: tf.data.Dataset, epoch: int, skip_batches: int) -> tf.data.Dataset:
        """Shows images of each batch in one another if the settings say so; for pixels only."""
        if not self.join.is_on:
            return batches
        key = number(self.seed, epoch, "join")

        def change(index: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
            return self.annotation.joined(*batch, self.join, tf.stack([key, index]))

        numbered = batches.enumerate(skip_batches)
        return numbered.map(change, num_parallel_calls=reading.BATCHES_AT_ONCE, deterministic=True)

    def mixed(self, batches: tf.data.Dataset, epoch: int, skip_batches: int) -> tf.data.Dataset:
        """Mixes pairs within each batch if the settings say so."""
        if not (self.mix.mixup_alpha or self.mix.cutmix_alpha):
            return batches
        key = number(self.seed, epoch, "mix")

        def change(index: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, ...]:
            inputs, targets = batch
            soft = self.annotation.soft(targets)
            return mixing.mix(inputs, soft, self.mix, tf.stack([key, index]))

        numbered = batches.enumerate(skip_batches)
        return numbered.map(change, num_parallel_calls=reading.BATCHES_AT_ONCE, deterministic=True)


class PixelSource:
    """Source of pixels uint8 [B, S, S, 3] from records, shuffled within a window.

    Args:
      train_files, eval_files: shards of pixels records.
      train_count, eval_count: number of their records.
      size_px: the side S.
      changes: the settings of augmentation.
      order: batch size, seed, mixing and balance.
    """

    def __init__(
        self,
        train_files: Sequence[str],
        eval_files: Sequence[str],
        train_count: int,
        eval_count: int,
        size_px: int,
        changes: augment_config.AugmentConfig,
        order: Order,
    ) -> None:
        self.image_count, self.batch_size = train_count, order.batch_size
        self._train = (train_files, train_count, size_px, order.batch_size, order.annotation)
        self._eval = (eval_files, eval_count, size_px, order.batch_size, order.annotation)
        self._changes, self._order = changes, order
        self._shared = shared_iterator.SharedIterator(
            math.ceil(train_count / order.batch_size), self._epochs
        )

    def epoch(self, epoch: int, skip_batches: int = 0, following: int = 0) -> tf.data.Dataset:
        """See Source."""
        batches = self._shared.epoch(epoch, skip_batches, following)
        batches = self._order.joined(batches, epoch, skip_batches)
        return self._order.mixed(batches, epoch, skip_batches)

    def _epochs(self, epoch: int, skip_batches: int, count: int) -> tf.data.Dataset:
        order = self._order
        return dataset.training_batches(
            *self._train, self._changes, order.seed, epoch, skip_batches, order.repeats, count
        )

    def evaluation(self) -> tf.data.Dataset:
        """See Source."""
        return dataset.evaluation_batches(*self._eval)

    def close(self) -> None:
        """See Source."""
        self._shared.close()

    @property
    def view_count(self) -> int:
        """See SolvableSource."""
        return 1

    def first_views(self, _count: int) -> tf.data.Dataset:
        """See SolvableSource."""
        return dataset.evaluation_batches(*self._train)


class FeatureSource:
    """Source of cached features; epoch e shows view e modulo the number of views.

    A view is computed when the first epoch needs it, so a training that stops early computes no
    view that it never sees.

    Args:
      features: the inputs of the model.
      train, evaluation: the splits.
      views: number of views.
      order: batch size, seed, mixing and balance.
    """

    def __init__(
        self,
        features: cache.Features,
        train: cache.Split,
        evaluation: cache.Split,
        views: int,
        order: Order,
    ) -> None:
        self.image_count, self.batch_size = len(train.digests), order.batch_size
        self._features, self._train, self._eval = features, train, evaluation
        self._views, self._order = views, order

    def epoch(self, epoch: int, skip_batches: int = 0, following: int = 0) -> tf.data.Dataset:
        """See Source."""
        order, view = self._order, epoch % self._views
        self._features.compute(self._train, view)
        indices = order.indices(self._train.targets, epoch)
        batches = self._batches(self._train, indices[skip_batches * self.batch_size :], view)
        return order.mixed(batches, epoch, skip_batches)

    def evaluation(self) -> tf.data.Dataset:
        """See Source."""
        self._features.compute(self._eval, 0)
        return self._batches(self._eval, np.arange(len(self._eval.digests)), 0)

    def close(self) -> None:
        """See Source. An epoch is read ahead only within it."""

    @property
    def view_count(self) -> int:
        """See SolvableSource."""
        return self._views

    def first_views(self, count: int) -> tf.data.Dataset:
        """See SolvableSource."""
        found = []
        for view in range(count):
            self._features.compute(self._train, view)
            found.append(self._batches(self._train, np.arange(self.image_count), view))
        return functools.reduce(tf.data.Dataset.concatenate, found)

    def _batches(self, split: cache.Split, indices: np.ndarray, view: int) -> tf.data.Dataset:
        size = self.batch_size

        def generate() -> Iterator[tuple[np.ndarray, np.ndarray]]:
            for start in range(0, len(indices), size):
                here = indices[start : start + size]
                digests = [split.digests[index] for index in here]
                targets = self._features.views.targets(
                    split.targets[here], digests, view, self._order.annotation, size
                )
                yield self._features.read(split, here, view), targets

        signature = (
            tf.TensorSpec([None, *self._features.store.shape], tf.float32),
            self._order.annotation.spec,
        )
        batches = tf.data.Dataset.from_generator(generate, output_signature=signature)
        count = math.ceil(len(indices) / size)
        batches = batches.apply(tf.data.experimental.assert_cardinality(count))
        return reading.untuned(batches).prefetch(4)


def class_counts(files: Sequence[str], annotation: Annotation) -> np.ndarray:
    """Counts how often each class is in all records, int64 [K]: images, or pixels."""
    return count_classes(dataset.targets(files, annotation).as_numpy_iterator(), annotation)


def count_classes(batches: Iterable[np.ndarray], annotation: Annotation) -> np.ndarray:
    """Counts how often each class is in batches of targets, int64 [K]."""
    counts = np.zeros(annotation.class_count, np.int64)
    for targets in batches:
        counts += annotation.counts(targets)
    return counts


def balanced(counts: np.ndarray) -> list[float]:
    """Computes factors that give every class the same weight and keep the sum over all images.

    Args:
      counts: int64 [K], images of each class; a class without any gets 1.
    """
    present = np.count_nonzero(counts)
    even = counts.sum() / max(1, present) / np.maximum(counts, 1)
    return [float(value) for value in np.where(counts > 0, even, 1.0)]


def number(seed: int, epoch: int, purpose: str) -> int:
    """Derives a number in 0 … 2³¹ − 1 for one purpose from a seed and an epoch."""
    digest = hashlib.shake_256(f"{seed}/{epoch}/{purpose}".encode()).digest(4)
    return int.from_bytes(digest, "little") >> 1
