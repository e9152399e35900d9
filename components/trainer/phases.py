"""Training from records to a classifier: the phases, what each trains, and on what.

Phase 1 trains the head on the frozen backbone. Phase 2 goes on with the top blocks. The weights
that were best on the eval split are kept throughout, so phase 2 never returns a model that is
worse there than phase 1's. With random weights there is nothing to transfer: one phase trains
everything.

Dimension letters: B batch, S side in pixels, K classes.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from components.preprocess import materialise
from components.trainer import board as tensorboard
from components.trainer import (
    checkpoint,
    devices,
    feeding,
    loop,
    losses,
    model,
    optimizers,
    sources,
    warm_start,
)
from components.trainer import config as train_config
from components.trainer import history as training_history
from components.trainer.backbones import registry
from data import augment, augment_config, dataset

Listener = Callable[[loop.EpochEnd, keras.Model], None]


@dataclass(frozen=True)
class Job:
    """What is trained, on what, and where things are kept.

    Attributes:
      train_files, eval_files: shards of pixels records.
      spec: what they hold.
      config: the settings of training.
      changes: the settings of augmentation.
      seed: of all that is random.
      log_dir: where TensorBoard's logs go.
      cache_dir: where features are kept between trainings.
      checkpoint_dir: where the state of unfinished trainings is kept; None keeps none.
      base: a SavedModel to start from, or None.
      code: identifies the code that trains; a checkpoint of other code is not gone on with.
    """

    train_files: Sequence[str]
    eval_files: Sequence[str]
    spec: materialise.Spec
    config: train_config.TrainConfig
    changes: augment_config.AugmentConfig
    seed: int
    log_dir: Path
    cache_dir: Path
    checkpoint_dir: Path | None = None
    base: Path | None = None
    code: str = ""

    def identity(self) -> str:
        """Names what this job would train, so that an unfinished one is found again."""
        described = [
            self.spec.to_json(),
            # What is exported changes nothing of what is trained.
            self.config.model_dump(mode="json", exclude={"exports"}),
            self.changes.model_dump(mode="json"),
            self.seed,
            str(self.base),
            self.code,
            [
                (name, os.stat(name).st_size, os.stat(name).st_mtime_ns)
                for name in (*self.train_files, *self.eval_files)
            ],
        ]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:24]

    def class_factors(self) -> list[float]:
        """K factors that give every class the same weight. Reads all training records."""
        counts = sources.class_counts(self.train_files, len(self.spec.labels))
        return sources.balanced(counts)

    def forget(self) -> None:
        """Deletes the state of unfinished trainings, this one's and those given up before it."""
        if self.checkpoint_dir is not None:
            shutil.rmtree(self.checkpoint_dir, ignore_errors=True)


def train(
    job: Job, listener: Listener | None = None
) -> tuple[keras.Model, training_history.History]:
    """Runs the phases, or what is left of them where this training was killed before.

    The state is kept, so that it need not run again if what comes after it is killed; see
    :meth:`Job.forget`.

    Args:
      job: what to train.
      listener: told of each epoch, with the classifier as it is then.

    Returns:
      The classifier, pixels [B, S, S, 3] in 0–255 → logits float32 [B, K], and what happened.

    Raises:
      errors.UserError: the backbone's weights cannot be had, or the cache has no room.
    """
    devices.set_seed(job.seed)
    strategy = devices.strategy()
    precision = devices.precision(job.config.mixed_precision)
    with strategy.scope(), devices.policy(precision):
        training = _Training(job, listener)
        training.run()
    classifier = training.classifier
    if precision != "float32" or job.changes.where == "model":
        classifier = model.without_augmentation(classifier, job.config)
    return classifier, training.history


class _Training:
    """One training under way."""

    def __init__(self, job: Job, listener: Listener | None) -> None:
        self.job, self.listener = job, listener
        self.history = training_history.History()
        inside = job.changes if job.changes.where == "model" else None
        names = job.spec.labels
        self.classifier = model.build(job.config, job.spec.size_px, len(names), inside, job.seed)
        is_random = job.config.from_scratch
        self.history.start = warm_start.RANDOM if is_random else warm_start.PRETRAINED
        if job.base is not None and job.config.warm_start:
            self.history.start = warm_start.apply(
                self.classifier, names, job.config.backbone, job.base, self.history.start
            )
        self.folder = job.checkpoint_dir / job.identity() if job.checkpoint_dir else None
        self.board = tensorboard.Board(job.log_dir, names)
        self.loss = losses.SmoothedCrossentropy(job.config.label_smoothing)
        self.feeds = feeding.Feeds(job, self.classifier)
        self.history.cache = self.feeds.plan.reason
        self.epochs = 0

    def run(self) -> None:
        """All phases, and the choice between them."""
        config = self.job.config
        self._log_samples()
        self._set_class_weights()
        if config.from_scratch:
            model.unfreeze_all(self._backbone())
            phase = loop.Phase("scratch", config.scratch_epochs, config.scratch_learning_rate)
            self._run(phase, *self.feeds.whole("scratch"))
        else:
            self._transfer()
        model.freeze(self._backbone())
        self.board.close()

    def _transfer(self) -> None:
        config = self.job.config
        part, source = self.feeds.head()
        steps = devices.steps_per_execution() if part is not self.classifier else 1
        phase = loop.Phase(
            "head", config.head_epochs, config.head_learning_rate, steps_per_execution=steps
        )
        self._run(phase, part, source)
        if config.fine_tune_epochs == 0:
            return
        best_head = self.classifier.get_weights()
        ends = registry.REGISTRY[config.backbone].block_ends
        model.unfreeze_top(self._backbone(), ends, config.unfreeze_blocks)
        part, source = self.feeds.fine_tune()
        blocks = model.blocks_above(self._backbone(), ends, config.unfreeze_blocks)
        factors = optimizers.block_factors(part.trainable_variables, blocks, config.layer_decay)
        rate = config.fine_tune_learning_rate
        self._run(loop.Phase("fine_tune", config.fine_tune_epochs, rate, factors), part, source)
        losses_of = self.history.best_loss
        if config.keep == "best" and losses_of("fine_tune") >= losses_of("head"):
            self.classifier.set_weights(best_head)
            self.history.kept = "head"

    def _run(self, phase: loop.Phase, part: keras.Model, source: sources.Source) -> None:
        path = self.folder / f"{phase.name}.npz" if self.folder else None
        running = loop.Loop(
            phase,
            part,
            source,
            self.job.config,
            self.loss,
            checkpoint.Checkpoint(path),
            self._epoch_end,
        )
        running.resume()
        self.board.begin(phase.name, self.epochs, running.position.metrics)
        self.history.phases[phase.name] = running.run()
        self.history.kept = phase.name
        self.epochs += len(running.position.metrics["val_loss"])

    def _epoch_end(self, ended: loop.EpochEnd) -> None:
        self.board.epoch_end(ended)
        if self.listener:
            self.listener(ended, self.classifier)

    def _backbone(self) -> keras.Model:
        return self.classifier.get_layer(model.BACKBONE_LAYER)

    def _set_class_weights(self) -> None:
        if self.job.config.balance == "weights":
            self.loss.class_weights = self.job.class_factors()

    def _log_samples(self) -> None:
        job = self.job
        count = min(tensorboard.SAMPLES, job.spec.counts["train"])
        batches = dataset.evaluation_batches(
            job.train_files, job.spec.counts["train"], job.spec.size_px, count
        )
        pixels, _ = next(iter(batches))
        self.board.samples(augment.augment(pixels, job.changes, [job.seed, 0]).numpy())
