"""Job of a training: its data, settings and folders."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer.loop import sources
from data.augment import augment_config
from data.examples.annotation import Annotation
from tasks import task
from tasks.facets.training import Head


@dataclass(frozen=True)
class Job:
    """Data, settings and folders of a training.

    Attributes:
      train_files, eval_files: shards of pixels records.
      spec: the description of these records.
      config: the settings of training.
      changes: the settings of augmentation.
      seed: seed of all random draws.
      log_dir: folder of TensorBoard's logs.
      cache_dir: folder where features are kept between trainings.
      checkpoint_dir: folder of the state of unfinished trainings; None stores no state.
      base: a SavedModel to start from, or None.
      code: hash of the code that trains; a checkpoint of other code is not resumed.
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
        """Returns an identifier of this training, by which an unfinished one is found again."""
        described = [
            self.spec.to_json(),
            # The exports do not affect training.
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

    @property
    def annotation(self) -> Annotation:
        """Returns how records and batches hold the annotation of images."""
        return self.spec.annotation

    @property
    def head(self) -> Head:
        """Returns the head of the task."""
        return task.load(self.spec.task).head

    def loss(self, label_smoothing: float | None = None) -> keras.losses.Loss:
        """Makes the loss by the settings. Reads all training records if classes are weighted.

        Args:
          label_smoothing: None: that of the settings.
        """
        config = self.config
        weights = self.class_factors() if config.balance == "weights" else ()
        smoothing = config.label_smoothing if label_smoothing is None else label_smoothing
        return self.head.loss(smoothing, weights)

    def class_factors(self) -> list[float]:
        """Computes K factors that give every class the same weight. Reads all training records."""
        return sources.balanced(sources.class_counts(self.train_files, self.annotation))

    def forget(self) -> None:
        """Deletes the state of unfinished trainings: this one's and that of abandoned ones."""
        if self.checkpoint_dir is not None:
            shutil.rmtree(self.checkpoint_dir, ignore_errors=True)
