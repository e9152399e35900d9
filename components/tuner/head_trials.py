"""Trials of the head, which share one classifier and one feature cache.

Each trial trains a new head of two layers; the features are computed once for each strength of
augmentation.

Dimension letters: N images, F features.
"""

import functools
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from components.trainer import config as train_config
from components.trainer import devices
from components.trainer.features import cache
from components.trainer.loop import checkpoint, evaluation, feeding, loop, sources, training_job
from components.trainer.network import cut, model, warm_start
from components.tuner import trials
from data import progress
from data.augment import augment, augment_config
from data.examples import reading

# Features of up to this size are held in memory: reading them again would cost more than the step.
IN_MEMORY_BYTES = 512 << 20
_EVALUATED_AT_ONCE = 4096
_MOST_STEPS_PER_EXECUTION = 256
_FLOAT32_BYTES = 4


class HeadTrials:
    """Trials of the head on cached features.

    Args:
      job: what is trained; its settings name the backbone and its initial weights.
      strengths: number of strengths of augmentation.
      views: number of views of an image in a trial, the first without augmentation.
    """

    def __init__(self, job: training_job.Job, strengths: int, views: int) -> None:
        self._job, self._views = job, views
        config, spec = job.config, job.spec
        devices.set_seed(job.seed)
        with devices.policy(devices.precision(config.mixed_precision)):
            classifier = model.build(config, spec, seed=job.seed)
        if job.base is not None and config.warm_start:
            warm_start.apply(classifier, spec, config.backbone, job.base)
        self._head = cut.head(classifier, job.head)
        self._first_weights = self._head.get_weights()
        read = functools.partial(cache.Split.read, size_px=spec.size_px, annotation=job.annotation)
        self._train = read(job.train_files, spec.counts["train"])
        self._eval = read(job.eval_files, spec.counts["eval"])
        self._stored_views = 1 + strengths * (views - 1)
        self._features = self._stack(classifier)
        values = self._head.input.shape[-1] * len(self._train.digests) * self._stored_views
        self._in_memory = values * _FLOAT32_BYTES <= IN_MEMORY_BYTES
        self._memory: dict[object, np.ndarray] = {}
        balanced = sources.balanced(sources.class_counts(job.train_files, job.annotation))
        self._repeats = balanced if config.balance == "sampling" else None
        self._class_weights = balanced if config.balance == "weights" else ()
        self._evaluator = evaluation.Evaluator(
            self._head, job.head, job.head.loss(0.0, self._class_weights)
        )

    def run(
        self,
        config: train_config.TrainConfig,
        changes: augment_config.AugmentConfig,
        folder: Path,
    ) -> trials.Outcome:
        """See trials.Trials."""
        source = self._source(config, changes)
        devices.set_seed(self._job.seed)
        part = self._copy(config.dropout)
        # One call for each epoch: a call costs more than a step, and no progress is shown.
        steps = min(-(-source.image_count // source.batch_size), _MOST_STEPS_PER_EXECUTION)
        phase = loop.Phase(
            "head", config.head_epochs, config.head_learning_rate, steps_per_execution=steps
        )
        head = self._job.head
        loss = head.loss(config.label_smoothing, self._class_weights)
        unsaved = checkpoint.Checkpoint(None)
        running = loop.Loop(phase, part, head, source, config, loss, unsaved)
        running.resume()  # there is no state to restore, but it builds the optimizer
        with progress.listening(_nobody):
            metrics = running.run()
        self._head.set_weights(part.get_weights())
        evaluated = self._evaluator.evaluate(source.evaluation())
        return trials.Outcome(evaluated.loss, evaluated.score, len(metrics["val_loss"]))

    def _copy(self, dropout: float) -> keras.Model:
        """Copies the initial head with another rate of dropout and a fresh random generator."""

        def copy_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
            options = layer.get_config()
            if isinstance(layer, keras.layers.Dropout):
                options |= {"rate": dropout, "seed": self._job.seed}
            return type(layer).from_config(options)

        part = keras.models.clone_model(self._head, clone_function=copy_layer)
        part.set_weights(self._first_weights)
        return part

    def _stack(self, classifier: keras.Model) -> cache.Features:
        """Makes the embedding, computed from boundary activations if Trainer caches those too."""
        config = self._job.config
        boundary = None
        if config.fine_tune_epochs:
            boundary = cut.boundary(config.backbone, config.unfreeze_blocks)
        activations, embedding = feeding.features(self._job, classifier, boundary)
        if activations is None or self._trainer_takes(activations.store.row_bytes):
            return embedding
        return feeding.features(self._job, classifier, None)[1]

    def _trainer_takes(self, view_bytes: int) -> bool:
        """Returns whether Trainer caches activations and they fit beside those of the trials."""
        counts, views = self._job.spec.counts, feeding.plan(self._job, view_bytes).views
        rows = counts["train"] * (views + self._stored_views) + counts["eval"]
        return views > 0 and rows * view_bytes <= feeding.available_bytes(self._job)

    def compute(self, changes: augment_config.AugmentConfig) -> int:
        """Computes the missing features for a trial with these changes.

        Returns:
          The number of views of an image.

        Raises:
          errors.UserError: the cache has too little space for them.
        """
        views = cache.Views(_beside(changes), self._job.seed)
        level: cache.Features | None = self._features
        while level is not None:
            level.views, level = views, level.below
        count = 1 if augment.is_identity(changes) else self._views
        for view in range(count):
            self._features.compute(self._train, view)
        self._features.compute(self._eval, 0)
        return count

    def _source(
        self, config: train_config.TrainConfig, changes: augment_config.AugmentConfig
    ) -> sources.Source:
        """Makes the source of batches as in phase 1 of Trainer, with the views of a trial."""
        count = self.compute(changes)
        order = sources.Order(
            feeding.HEAD_BATCHES * config.batch_size,
            sources.number(self._job.seed, 0, "head"),
            self._job.annotation,
            config.mix,
            self._repeats,
        )
        if not self._in_memory:
            return sources.FeatureSource(self._features, self._train, self._eval, count, order)
        rows = [self._rows(self._train, changes, view) for view in range(count)]
        eval_rows = self._rows(self._eval, changes, 0)
        return MemorySource(rows, self._train.targets, eval_rows, self._eval.targets, order)

    def _rows(
        self, split: cache.Split, changes: augment_config.AugmentConfig, view: int
    ) -> np.ndarray:
        """Reads a view of a split, float32 [N, F], once."""
        key = (split is self._train, view, changes if view else None)
        if key not in self._memory:
            everything = np.arange(len(split.digests))
            self._memory[key] = self._features.read(split, everything, view)
        return self._memory[key]


class MemorySource:
    """Source of the batches of sources.FeatureSource, in the same order, from arrays.

    Args:
      views: float32 [N, F] each; epoch e shows view e modulo their number.
      targets: [N, …].
      eval_rows, eval_targets: features and targets of the eval split.
      order: batch size, seed, mixing and balance.
    """

    def __init__(
        self,
        views: list[np.ndarray],
        targets: np.ndarray,
        eval_rows: np.ndarray,
        eval_targets: np.ndarray,
        order: sources.Order,
    ) -> None:
        self.image_count, self.batch_size = len(targets), order.batch_size
        self._views, self._targets, self._order = views, targets, order
        self._eval = (eval_rows, eval_targets)

    def epoch(self, epoch: int, skip_batches: int = 0, following: int = 0) -> tf.data.Dataset:
        """See sources.Source."""
        order = self._order
        indices = order.indices(self._targets, epoch)[skip_batches * self.batch_size :]
        rows = self._views[epoch % len(self._views)][indices]
        batches = tf.data.Dataset.from_tensor_slices((rows, self._targets[indices]))
        batches = reading.untuned(batches).batch(self.batch_size)
        return order.mixed(batches, epoch, skip_batches)

    def evaluation(self) -> tf.data.Dataset:
        """See sources.Source."""
        rows = reading.untuned(tf.data.Dataset.from_tensor_slices(self._eval))
        return rows.batch(_EVALUATED_AT_ONCE)

    def close(self) -> None:
        """See sources.Source. Nothing is read ahead."""


def _beside(changes: augment_config.AugmentConfig) -> augment_config.AugmentConfig:
    """Copies the settings with augmentation before the model, even if training has it inside."""
    return changes.model_copy(update={"where": "data"})


def _nobody(_task: progress.Task) -> None:
    """Ignores progress."""
