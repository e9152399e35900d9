"""The TFX door of training: the run_fn that stock Trainer calls."""

import os
import tempfile
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer import export, model, phases
from components.trainer import history as training_history
from data import augment_config, dataset, records

KERAS_FILE = "model.keras"


def run_fn(fn_args: Any) -> None:
    """Trains a classifier on pixels records and exports it.

    Args:
      fn_args: from TFX; its custom_config holds ``train`` (a TrainConfig), ``augment`` (an
        AugmentConfig), both as JSON, and ``seed``.
    """
    settings = fn_args.custom_config
    config = train_config.TrainConfig.model_validate_json(settings["train"])
    changes = augment_config.AugmentConfig.model_validate_json(settings["augment"])
    seed = int(settings["seed"])
    train_uri = os.path.dirname(fn_args.train_files[0])
    eval_uri = os.path.dirname(fn_args.eval_files[0])
    spec = materialise.Spec.read(os.path.dirname(train_uri))

    _set_seed(seed)
    classifier = model.build(config, spec.size_px, len(spec.labels))
    counts, sizes = spec.counts, (spec.size_px, config.batch_size)
    batches = phases.Batches(
        training=dataset.training_batches(
            records.files(train_uri), counts["train"], *sizes, changes, seed
        ),
        evaluation=dataset.evaluation_batches(records.files(eval_uri), counts["eval"], *sizes),
        image_count=counts["train"],
    )
    run_dir = Path(fn_args.model_run_dir)
    history = phases.train(classifier, batches, config, run_dir / "tensorboard")
    tf.io.gfile.makedirs(str(run_dir))
    (run_dir / training_history.FILE).write_text(history.to_json(), encoding="utf-8")

    model_dir = Path(fn_args.serving_model_dir)
    with tempfile.TemporaryDirectory() as scratch:
        export.save(classifier, spec, config.backbone, model_dir, Path(scratch))
    export.save_keras(classifier, model_dir.parent / KERAS_FILE)


def _set_seed(seed: int) -> None:
    """Seeds Python, NumPy and TensorFlow; on a GPU, asks for deterministic kernels too.

    On a CPU the kernels used here repeat bit for bit as they are, and the switch would cost a
    third of the speed.
    """
    keras.utils.set_random_seed(seed)
    if tf.config.list_physical_devices("GPU"):
        tf.config.experimental.enable_op_determinism()
