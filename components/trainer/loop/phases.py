"""Trains a model on records in one phase or two.

A head without weights leaves the backbone as it is, and no phase runs. Else phase 1 trains the head on the frozen backbone. Phase 2 also trains the top blocks. The best
weights on the eval split are kept throughout, so phase 2 never returns a model that is worse there
than phase 1's. With random weights there is nothing to transfer: one phase trains all layers.

Dimension letters: B batch, S side in pixels.
"""

from collections.abc import Callable

import keras

from components.trainer import devices
from components.trainer import history as training_history
from components.trainer.backbones import registry
from components.trainer.features import cache
from components.trainer.loop import board as tensorboard
from components.trainer.loop import (
    checkpoint,
    feeding,
    head_start,
    lengths,
    loop,
    optimizers,
    sources,
    training_job,
)
from components.trainer.network import model, warm_start
from data.examples import dataset

Listener = Callable[[loop.EpochEnd, keras.Model], None]


def train(
    job: training_job.Job, listener: Listener | None = None
) -> tuple[keras.Model, training_history.History]:
    """Runs the phases, or resumes them if this training was killed before.

    The state is kept, so that training need not run again if a later step is killed; see
    :meth:`training_job.Job.forget`.

    Args:
      job: what to train.
      listener: called after each epoch, with the classifier in its current state.

    Returns:
      The model, pixels [B, S, S, 3] in 0–255 → outputs float32 [B, …] of its head, and its history.

    Raises:
      errors.UserError: the backbone's weights are not available, or the cache has too little space.
    """
    devices.set_seed(job.seed)
    strategy = devices.strategy()
    precision = devices.precision(job.config.mixed_precision)
    with strategy.scope(), devices.policy(precision):
        training = _Training(job, listener)
        training.run()
    classifier = training.classifier
    if precision != "float32" or job.changes.where == "model":
        classifier = model.without_augmentation(classifier, job.config, job.spec)
    return classifier, training.history


class _Training:
    """Training under way."""

    def __init__(self, job: training_job.Job, listener: Listener | None) -> None:
        self.job, self.listener = job, listener
        self.history = training_history.History(
            score=job.head.score,
            score_title=job.head.score_title,
            watched=job.head.watched,
        )
        inside = job.changes if job.changes.where == "model" else None
        self.classifier = model.build(job.config, job.spec, inside, job.seed)
        is_random = job.config.from_scratch
        self.history.start = warm_start.RANDOM if is_random else warm_start.PRETRAINED
        if job.base is not None and job.config.warm_start:
            self.history.start = warm_start.apply(
                self.classifier, job.spec, job.config.backbone, job.base, self.history.start
            ).sentence
        self.folder = job.checkpoint_dir / job.identity() if job.checkpoint_dir else None
        self.board = tensorboard.Board(job.log_dir, job.spec.labels, job.head)
        if job.head.is_trained:
            self.feeds = feeding.Feeds(job, self.classifier)
            self.history.cache = self.feeds.plan.reason
        self.epochs, self.has_samples = 0, False

    def run(self) -> None:
        """Runs all phases, and chooses the weights to keep."""
        config = self.job.config
        if not self.job.head.is_trained:
            self.history.cache = "the network stays as it is: there is nothing to train"
            self.board.close()
            return
        self.loss = self.job.loss()
        if config.from_scratch:
            model.unfreeze_all(self._backbone())
            part, source = self.feeds.whole("scratch")
            epochs, patience = self._length(config.scratch_epochs, source)
            phase = loop.Phase("scratch", epochs, config.scratch_learning_rate, patience=patience)
            self._run(phase, part, source)
        else:
            self._transfer()
        model.freeze(self._backbone())
        self.board.close()

    def _transfer(self) -> None:
        config = self.job.config
        part, source = self.feeds.head()
        # Keras unrolls the steps. Of a layer several cost less than the calls that they save; the
        # graph of a network that reads maps is built and optimized for minutes.
        is_layer = part is not self.classifier and "maps" not in self.job.head.taps
        steps = devices.steps_per_execution() if is_layer else 1
        epochs, patience = self._length(config.head_epochs, source)
        start = self.feeds.start(part, source, self.loss)
        phase = loop.Phase(
            "head",
            source.view_count if start else epochs,
            config.head_learning_rate,
            steps_per_execution=steps,
            patience=patience,
        )
        head = self._run(phase, part, source, start)
        if config.fine_tune_epochs == 0:
            return
        best_head = self.classifier.get_weights()
        if start:
            head_start.soften(part)
        ends = registry.REGISTRY[config.backbone].block_ends
        model.unfreeze_top(self._backbone(), ends, config.unfreeze_blocks)
        part, activations = self.feeds.fine_tune()
        blocks = model.blocks_above(self._backbone(), ends, config.unfreeze_blocks)
        factors = optimizers.block_factors(part.trainable_variables, blocks, config.layer_decay)
        epochs, patience = self._length(config.fine_tune_epochs, activations)
        rate = config.fine_tune_learning_rate
        phase = loop.Phase("fine_tune", epochs, rate, factors, patience=patience)
        tuned = self._run(phase, part, activations)
        if config.keep == "best" and not self._is_better(tuned, head):
            self.classifier.set_weights(best_head)
            self.history.kept = "head"

    def _length(self, epochs: int, source: sources.Source) -> tuple[int, int]:
        return lengths.lengthened(epochs, source.image_count, source.batch_size, self.job.config)

    def _is_better(self, tuned: loop.Loop, head: loop.Loop) -> bool:
        """Returns whether phase 2 is kept: it is better, or as good but for noise with its rate at 0."""
        rank_of = self.history.best_rank
        return rank_of("fine_tune") > rank_of("head") or (
            tuned.has_kept_the_last and tuned.is_as_good(tuned.best_losses, head.best_losses)
        )

    def _run(
        self,
        phase: loop.Phase,
        part: keras.Model,
        source: sources.Source,
        start: loop.Start | None = None,
    ) -> loop.Loop:
        path = self.folder / f"{phase.name}.npz" if self.folder else None
        running = loop.Loop(
            phase,
            part,
            self.job.head,
            source,
            self.job.config,
            self.loss,
            checkpoint.Checkpoint(path),
            self._epoch_end,
            start,
        )
        running.resume()
        self.board.begin(phase.name, self.epochs, running.position.metrics)
        self.history.phases[phase.name] = running.run()
        self.history.kept, self.history.epochs[phase.name] = phase.name, running.position.kept
        self.epochs += len(running.position.metrics["val_loss"])
        return running

    def _epoch_end(self, ended: loop.EpochEnd) -> None:
        self.board.epoch_end(ended)
        if self.listener:
            self.listener(ended, self.classifier)
        if not self.has_samples:  # not before the first epoch, which a user waits for
            self._log_samples()
            self.has_samples = True

    def _backbone(self) -> keras.Model:
        return self.classifier.get_layer(model.BACKBONE_LAYER)

    def _log_samples(self) -> None:
        job = self.job
        count = min(tensorboard.SAMPLES, job.spec.counts["train"])
        batches = dataset.evaluation_batches(
            job.train_files, job.spec.counts["train"], job.spec.size_px, count, job.annotation
        )
        pixels, _ = next(batches.as_numpy_iterator())
        # The first changed view that a cache has: it is compiled for that anyway.
        shown = cache.Views(job.changes, job.seed).pixels(pixels, cache.digests(pixels), 1)
        self.board.samples(shown)
