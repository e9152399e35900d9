"""A training before it begins: what is trained, on what, and where its state is kept."""

import hashlib
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer.loop import sources
from data.augment import augment_config


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
