"""TFX adapter of training: the run_fn that stock Trainer calls."""

import os
import tempfile
from pathlib import Path
from typing import Any

import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer import history as training_history
from components.trainer import hyperparameters, served_model
from components.trainer.calibration import calibration
from components.trainer.exports import convert
from components.trainer.loop import phases, training_job
from components.trainer.network import keras_archive, windows
from data.augment import augment_config
from data.examples import records


def run_fn(fn_args: Any) -> None:
    """Trains a model on pixels records and exports it.

    Args:
      fn_args: from TFX; see :func:`job`. Its ``hyperparameters``, if a tuner ran before, override
        the settings.
    """
    run_dir = Path(fn_args.model_run_dir)
    asked = job(fn_args, run_dir / "tensorboard")
    classifier, history = phases.train(asked)
    tf.io.gfile.makedirs(str(run_dir))
    (run_dir / training_history.FILE).write_text(history.to_json(), encoding="utf-8")
    fitted = calibration.fit(classifier, asked)
    served, spec = windows.around(classifier, asked.spec, asked.config.windows)
    model_dir = Path(fn_args.serving_model_dir)
    with tempfile.TemporaryDirectory() as scratch:
        backbone = asked.config.backbone
        served_model.save(
            served,
            spec,
            backbone,
            model_dir,
            Path(scratch),
            fitted,
            asked.config.windows,
            with_network=asked.config.exports.network,
        )
    convert.write(
        classifier,
        asked.spec,
        fitted.answers,
        asked.train_files,
        asked.config.exports,
        model_dir,
    )
    keras_archive.save(served, model_dir.parent / keras_archive.FILE)
    asked.forget()


def job(fn_args: Any, log_dir: Path) -> training_job.Job:
    """Makes the job from TFX's arguments.

    Args:
      fn_args: from a Trainer or a Tuner; its custom_config holds ``train`` (a TrainConfig) and
        ``augment`` (an AugmentConfig), both as JSON, ``seed``, ``code`` and the folders
        ``cache_dir`` and ``checkpoint_dir``.
      log_dir: where TensorBoard's logs go.
    """
    settings = fn_args.custom_config
    train_uri = os.path.dirname(fn_args.train_files[0])
    eval_uri = os.path.dirname(fn_args.eval_files[0])
    config, changes = hyperparameters.apply(
        train_config.TrainConfig.model_validate_json(settings["train"]),
        augment_config.AugmentConfig.model_validate_json(settings["augment"]),
        fn_args.hyperparameters,
    )
    return training_job.Job(
        train_files=records.files(train_uri),
        eval_files=records.files(eval_uri),
        spec=materialise.Spec.read(os.path.dirname(train_uri)),
        config=config,
        changes=changes,
        seed=int(settings["seed"]),
        log_dir=log_dir,
        cache_dir=Path(settings["cache_dir"]),
        checkpoint_dir=Path(settings["checkpoint_dir"]),
        base=Path(fn_args.base_model) if fn_args.base_model else None,
        code=settings["code"],
    )
