"""Chooses the part of the model that trains in each phase, and the source of its batches."""

import functools

import keras
import tensorflow as tf

from components.trainer import devices
from components.trainer.features import budget, cache
from components.trainer.features import plan as cache_plan
from components.trainer.loop import head_start, lengths, loop, sources, training_job
from components.trainer.network import cut, taps

GIB = 1 << 30
_FLOAT16_BYTES = 2
# Several steps of a head cost less than one call, and its loss is convex, so larger batches work.
HEAD_BATCHES = 2
# Cached views that a head on the embedding sees in phase 1, and views × images.
_FEWEST_HEAD_VIEWS = 2
_VIEWED_BY_A_LAYER = 4_500


def plan(job: training_job.Job, view_bytes: int) -> cache_plan.Plan:
    """Chooses the number of cached views for a training.

    Args:
      job: what is trained.
      view_bytes: size on disk of one view of one image.
    """
    return cache_plan.choose(
        job.config,
        job.changes,
        image_count=job.spec.counts["train"],
        other_count=job.spec.counts["eval"],
        view_bytes=view_bytes,
        available_bytes=available_bytes(job),
        on_gpu=bool(devices.gpus()),
        most_views=_shown(job),
        viewed_images=job.head.viewed_images,
    )


def _shown(job: training_job.Job) -> int:
    """Returns how many views the phases can show, since an epoch shows one: room for more is not needed."""
    config, most = job.config, job.head.most_views
    count = job.spec.counts["train"]
    epochs, _ = lengths.lengthened(config.fine_tune_epochs, count, config.batch_size, config)
    return min(most, max(epochs, head_views(job, most)))


def available_bytes(job: training_job.Job) -> int:
    """Returns the space that the cache may take, by settings and disk, and creates its folder."""
    job.cache_dir.mkdir(parents=True, exist_ok=True)
    return budget.available_bytes(job.cache_dir, _max_bytes(job))


def boundary(job: training_job.Job) -> str | None:
    """Names the layer below the blocks that a training unfreezes; None if it caches none."""
    config = job.config
    if not config.fine_tune_epochs:
        return None
    return cut.boundary(config.backbone, config.unfreeze_blocks)


def features(
    job: training_job.Job, classifier: keras.Model, cut_at: str | None, view_count: int = 1
) -> tuple[cache.Features | None, cache.Features]:
    """Makes the features that a training reads from the cache.

    Args:
      job: what is trained.
      classifier: the classifier with the frozen weights.
      cut_at: the layer from :func:`boundary`.
      view_count: how many views of a training image there will be.

    Returns:
      The boundary's activations, None without a boundary, and the embedding computed from them.
    """
    views, name = cache.Views(job.changes, job.seed), job.config.backbone

    def made(part: keras.Model, below: cache.Features | None = None) -> cache.Features:
        rows = view_count * job.spec.counts["train"] + job.spec.counts["eval"]
        return cache.Features(job.cache_dir, part, views, _max_bytes(job), below, rows)

    if cut_at is None:
        return None, made(cut.embedder(classifier, name))
    activations = made(cut.lower(classifier, name, cut_at))
    return activations, made(cut.upper_embedder(classifier, cut_at), activations)


def _max_bytes(job: training_job.Job) -> int:
    return int(job.config.cache.max_gib * GIB)


def head_batch_size(job: training_job.Job) -> int:
    """Returns the batch size of phase 1: larger for a head of vectors, which costs next to nothing."""
    return job.config.batch_size * (1 if "maps" in job.head.taps else HEAD_BATCHES)


def head_views(job: training_job.Job, views: int) -> int:
    """Returns how many of the cached views phase 1 sees.

    Phase 2 sees all of them, so those that phase 1 sees too cost it nothing, but later: more than a few
    do not pay off, of a layer on the embedding of many images no more than _FEWEST_HEAD_VIEWS.
    """
    most = job.head.most_head_views
    if job.config.fine_tune_epochs == 0:
        return views
    if "maps" not in job.head.taps:
        few = _VIEWED_BY_A_LAYER // max(1, job.spec.counts["train"])
        most = max(_FEWEST_HEAD_VIEWS, min(most, few))
    return min(views, most)


class Feeds:
    """Parts that train and their sources; with a cache, the parts above the boundary.

    Args:
      job: what is trained.
      classifier: from model.build, with its backbone frozen and its first weights loaded.
    """

    def __init__(self, job: training_job.Job, classifier: keras.Model) -> None:
        self.job, self.classifier = job, classifier
        self._boundary = boundary(job)
        self._repeats = job.class_factors() if job.config.balance == "sampling" else None
        self.plan = plan(job, self._view_bytes())
        if self.plan.views:
            counts, size_px = job.spec.counts, job.spec.size_px
            read = functools.partial(cache.Split.read, size_px=size_px, annotation=job.annotation)
            self._train = read(job.train_files, counts["train"])
            self._eval = read(job.eval_files, counts["eval"])
            self._activations, self._embedding = features(
                job, classifier, self._boundary, self.plan.views
            )

    def whole(self, phase: str) -> tuple[keras.Model, sources.SolvableSource]:
        """Returns the classifier and a source of pixels."""
        job, counts = self.job, self.job.spec.counts
        files = (job.train_files, job.eval_files, counts["train"], counts["eval"])
        order = self._order(phase, job.config.batch_size)
        source = sources.PixelSource(*files, job.spec.size_px, job.changes, order)
        return self.classifier, source

    def head(self) -> tuple[keras.Model, sources.SolvableSource]:
        """Returns the head, or without a cache the classifier with its backbone frozen."""
        if not self.plan.views:
            return self.whole("head")
        views = head_views(self.job, self.plan.views)
        order = self._order("head", head_batch_size(self.job))
        source = sources.FeatureSource(self._embedding, self._train, self._eval, views, order)
        return cut.head(self.classifier, self.job.head), source

    def start(
        self, part: keras.Model, source: sources.SolvableSource, loss: keras.losses.Loss
    ) -> loop.Start | None:
        """Returns what solves the head in place of phase 1's steps; None where steps are to train it.

        Mixed images have no embedding in the cache, so with mixing there are steps.

        Args:
          part: from :meth:`head`.
          source: likewise.
          loss: of the training.
        """
        job = self.job
        mix = job.config.mix
        if job.config.head_start == "random" or mix.mixup_alpha or mix.cutmix_alpha:
            return None
        embed: head_start.Embed = tf.identity
        if not self.plan.views:
            embedder = cut.embedder(self.classifier, job.config.backbone)
            embed = functools.partial(_embedded, embedder)
        return head_start.of(part, source, job.head, job.annotation, loss, self._repeats, embed)

    def fine_tune(self) -> tuple[keras.Model, sources.Source]:
        """Returns the unfrozen blocks with the head, or without a cache the classifier."""
        if not self.plan.views or self._boundary is None or self._activations is None:
            return self.whole("fine_tune")
        order = self._order("fine_tune", self.job.config.batch_size)
        source = sources.FeatureSource(
            self._activations, self._train, self._eval, self.plan.views, order
        )
        return cut.upper(self.classifier, self._boundary, self.job.head), source

    def _order(self, phase: str, batch_size: int) -> sources.Order:
        job = self.job
        seed = sources.number(job.seed, 0, phase)
        config = job.config
        return sources.Order(
            batch_size, seed, job.annotation, config.mix, self._repeats, config.join
        )

    def _view_bytes(self) -> int:
        """Returns the size of a view of an image in the cache."""
        values = taps.row_values(cut.feature_shapes(self.classifier))
        if self._boundary is not None:
            values += taps.row_values(cut.lower_shapes(self.classifier, self._boundary))
        return int(values) * _FLOAT16_BYTES


def _embedded(embedder: keras.Model, pixels: tf.Tensor) -> tf.Tensor:
    return tf.cast(embedder(pixels, training=False), tf.float32)
