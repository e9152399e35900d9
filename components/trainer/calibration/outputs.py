"""Computes embeddings and outputs of images with a trained model, from the cache if possible.

Features that training computed and that are still valid are read from the feature cache, and only
the layers above them run. That is exact up to the cache's float16: a store of features is named by
a hash of the weights that computed them, so changed weights find no store, and features are looked
up by a hash of the image's pixels, without augmentation. Images that are not in the cache go
through the whole network.

Dimension letters: B batch, S side in pixels, F features.
"""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from components.trainer import devices
from components.trainer.features import cache, engine
from components.trainer.loop import feeding, training_job
from components.trainer.network import cut, model, taps
from data import progress
from tasks.facets.training import Head

# Maps of several strides take megabytes an image.
MOST_AT_ONCE = 64
VALUES_AT_ONCE = 16 << 20


def kept(job: training_job.Job, classifier: keras.Model) -> "Kept | None":
    """Finds the cached features of a training that are still valid for its final weights.

    Args:
      job: what was trained.
      classifier: as trained.

    Returns:
      The features; None if there are none: the cache is turned off or was not used (training from
      scratch, augmentation in the model), or the features have another precision than is served.
    """
    config = job.config
    off = config.cache.views == 0 or config.from_scratch or job.changes.where == "model"
    if off or devices.precision(config.mixed_precision) != "float32":
        return None
    boundary = feeding.boundary(job)
    activations, embeddings = feeding.features(job, classifier, boundary)
    if activations is None or boundary is None:
        return Kept(embeddings, None)
    return Kept(activations, cut.upper_embedder(classifier, boundary))


class Kept:
    """Cached features of images without augmentation, and the layers above them.

    Args:
      features: the activations at the boundary, or the embeddings themselves.
      above: boundary activations → embedding; None if the features are embeddings.
    """

    def __init__(self, features: cache.Features, above: keras.Model | None) -> None:
        self.features, self.above = features, above

    def read(self, pixels: np.ndarray) -> np.ndarray | None:
        """Looks up features float32 [B, …] of pixels uint8 [B, S, S, 3]; None if one is missing."""
        keys = self.features.views.keys(cache.digests(pixels), 0)
        if not all(key in self.features.store for key in keys):
            return None
        return self.features.store.read(keys)


class Outputs:
    """Computes embeddings and outputs of a model in one pass; each part is traced once.

    Args:
      classifier: from model.build, pixels [B, S, S, 3] in 0–255 → outputs float32 [B, …].
      head: the head of its task.
      backbone: its registered name.
      image_count: approximate number of images.
      source: the cached features, if any.
      task: receives the progress after each batch.

    Attributes:
      feature_count: F.
      read_count, computed_count: number of images whose features were read from the cache so far,
        and of images that went through the whole network.
    """

    def __init__(
        self,
        classifier: keras.Model,
        head: Head,
        backbone: str,
        image_count: int,
        source: Kept | None = None,
        task: progress.Task | None = None,
    ) -> None:
        self.feature_count: int = classifier.get_layer(model.EMBEDDING_LAYER).output.shape[-1]
        self.read_count = self.computed_count = 0
        self._classifier, self._backbone, self._image_count = classifier, backbone, image_count
        self._source, self._task = source, task
        self._head = engine.compile_for(cut.head(classifier, head), 1, tf.float32)
        self._above: engine.Run | None = None
        self._whole: engine.Run | None = None
        values = taps.row_values(cut.feature_shapes(classifier))
        self._at_once = min(MOST_AT_ONCE, max(1, VALUES_AT_ONCE // values))

    def of(self, batches: tf.data.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Yields embeddings [B, F], outputs [B, …] and targets [B, …] of batches of pixels."""
        for pixels, targets in batches.as_numpy_iterator():
            for start in range(0, len(pixels), self._at_once):
                part = slice(start, start + self._at_once)
                features = self._embed(pixels[part])
                # The embedding comes last, also where the head reads maps before it.
                yield features[:, -self.feature_count :], self._head(features), targets[part]
                if self._task is not None:
                    self._task.advance(len(features))

    def _embed(self, pixels: np.ndarray) -> np.ndarray:
        features = self._source.read(pixels) if self._source else None
        if self._source and features is not None:
            self.read_count += len(pixels)
            return self._go_on(features, self._source.above)
        self.computed_count += len(pixels)
        if self._whole is None:
            embedder = cut.embedder(self._classifier, self._backbone)
            self._whole = engine.compile_for(embedder, self._image_count, tf.uint8)
        return self._whole(pixels)

    def _go_on(self, features: np.ndarray, above: keras.Model | None) -> np.ndarray:
        """Computes embeddings float32 [B, F] from features."""
        if above is None:
            return features
        if self._above is None:
            self._above = engine.compile_for(above, self._image_count, tf.float32)
        return self._above(features)
