"""Runs a trained classifier for the embeddings and logits of images, each layer as often as needed.

What training computed and did not change is read from the feature cache, and only the layers
above it run. That is exact up to the cache's float16: a store of features is named by a hash of
the weights that computed them, so weights that training changed find no store, and features are
looked up by a hash of the image's own pixels, without augmentation. What is not found goes
through the whole network.

Dimension letters: B batch, S side in pixels, F features, K classes.
"""

from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from components.trainer import devices
from components.trainer.features import cache, engine
from components.trainer.loop import feeding, training_job
from components.trainer.network import cut, model
from data import progress


def kept(job: training_job.Job, classifier: keras.Model) -> "Kept | None":
    """Finds the features that a training left and that its last weights still give.

    Args:
      job: what was trained.
      classifier: as trained.

    Returns:
      None where nothing is kept: the cache is turned off or was of no use (training from scratch,
      augmentation in the model), or features were computed in another precision than is served.
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
      above: boundary activations → embedding; None where the features are embeddings.
    """

    def __init__(self, features: cache.Features, above: keras.Model | None) -> None:
        self.features, self.above = features, above

    def read(self, pixels: np.ndarray) -> np.ndarray | None:
        """Pixels uint8 [B, S, S, 3] → features float32 [B, …]; None where one is not kept."""
        keys = self.features.views.keys(cache.digests(pixels), 0)
        if not all(key in self.features.store for key in keys):
            return None
        return self.features.store.read(keys)


class Outputs:
    """Runs a classifier for its embeddings and logits in one go; each part is traced once.

    Args:
      classifier: from model.build, pixels [B, S, S, 3] in 0–255 → logits float32 [B, K].
      backbone: its registered name.
      image_count: about how many images will come.
      source: what of them need not be computed again.
      task: is told of each batch.

    Attributes:
      feature_count: F.
      read_count, computed_count: images whose features were read from the cache so far; images
        that went through the whole network.
    """

    def __init__(
        self,
        classifier: keras.Model,
        backbone: str,
        image_count: int,
        source: Kept | None = None,
        task: progress.Task | None = None,
    ) -> None:
        self.feature_count: int = classifier.get_layer(model.EMBEDDING_LAYER).output.shape[-1]
        self.read_count = self.computed_count = 0
        self._classifier, self._backbone, self._image_count = classifier, backbone, image_count
        self._source, self._task = source, task
        self._head = engine.compile_for(cut.head(classifier), 1, tf.float32)
        self._above: engine.Run | None = None
        self._whole: engine.Run | None = None

    def of(self, batches: tf.data.Dataset) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        """Batches of pixels and label_ids → embeddings [B, F], logits [B, K], label_ids [B]."""
        for pixels, label_ids in batches.as_numpy_iterator():
            embeddings = self._embed(pixels)
            yield embeddings, self._head(embeddings), label_ids
            if self._task is not None:
                self._task.advance(len(label_ids))

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
        """Features → embeddings float32 [B, F]."""
        if above is None:
            return features
        if self._above is None:
            self._above = engine.compile_for(above, self._image_count, tf.float32)
        return self._above(features)
