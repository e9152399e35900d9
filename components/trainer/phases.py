"""The two phases of transfer learning.

Phase 1 trains the head on the frozen backbone. Phase 2 goes on with the top blocks at a low
rate. The weights that were best on the eval split are kept throughout, so phase 2 never returns
a model that is worse there than phase 1's.

Dimension letters: B batch, S side in pixels, K classes.
"""

from dataclasses import dataclass
from pathlib import Path

import keras
import tensorflow as tf

from components.trainer import callbacks, losses, model
from components.trainer import config as train_config
from components.trainer import history as training_history
from components.trainer.backbones import registry

CLIP_NORM = 1.0
WARM_UP_FRACTION = 0.1


@dataclass(frozen=True)
class Batches:
    """What a model is trained on and stopped by.

    Attributes:
      training: batches of pixels uint8 [B, S, S, 3] and label_ids int64 [B]; a pass an epoch.
      evaluation: likewise, of the eval split.
      image_count: images in a pass over ``training``.
    """

    training: tf.data.Dataset
    evaluation: tf.data.Dataset
    image_count: int


def train(
    classifier: keras.Model, batches: Batches, config: train_config.TrainConfig, log_dir: Path
) -> training_history.History:
    """Runs both phases; the classifier ends with its best weights.

    Args:
      classifier: from model.build.
      batches: the data.
      config: epochs, rates and patience.
      log_dir: where TensorBoard's logs go, a folder a phase.
    """
    history = training_history.History()
    optimizer = keras.optimizers.Adam(config.head_learning_rate)
    _fit(classifier, optimizer, "head", config.head_epochs, batches, config, log_dir, history)
    if config.fine_tune_epochs == 0:
        return history
    best_head = classifier.get_weights()
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    block_ends = registry.REGISTRY[config.backbone].block_ends
    model.unfreeze_top(backbone, block_ends, config.unfreeze_blocks)
    optimizer = _fine_tune_optimizer(config, batches.image_count)
    epochs = config.fine_tune_epochs
    _fit(classifier, optimizer, "fine_tune", epochs, batches, config, log_dir, history)
    if history.best_loss("fine_tune") < history.best_loss("head"):
        history.kept = "fine_tune"
    else:
        classifier.set_weights(best_head)
    model.freeze(backbone)
    return history


def _fine_tune_optimizer(
    config: train_config.TrainConfig, image_count: int
) -> keras.optimizers.Optimizer:
    steps = config.fine_tune_epochs * -(-image_count // config.batch_size)
    warm_up_steps = max(1, round(steps * WARM_UP_FRACTION))
    rate = keras.optimizers.schedules.CosineDecay(
        0.0,
        max(1, steps - warm_up_steps),
        warmup_target=config.fine_tune_learning_rate,
        warmup_steps=warm_up_steps,
    )
    return keras.optimizers.Adam(rate, clipnorm=CLIP_NORM)


def _fit(
    classifier: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    phase: str,
    epochs: int,
    batches: Batches,
    config: train_config.TrainConfig,
    log_dir: Path,
    history: training_history.History,
) -> None:
    classifier.compile(
        optimizer=optimizer,
        loss=losses.SmoothedCrossentropy(config.label_smoothing),
        metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")],
        # XLA on CPU runs depthwise convolutions 15 to 25 times slower than TensorFlow's kernels.
        jit_compile="auto" if tf.config.list_physical_devices("GPU") else False,
    )
    fitted = classifier.fit(
        batches.training,
        validation_data=batches.evaluation,
        epochs=epochs,
        verbose=0,
        callbacks=[
            keras.callbacks.EarlyStopping(
                monitor="val_loss",
                patience=config.early_stopping_patience,
                restore_best_weights=True,
            ),
            keras.callbacks.TensorBoard(log_dir / phase, write_graph=False),
            callbacks.Progress(phase, epochs, batches.image_count, config.batch_size),
        ],
    )
    history.phases[phase] = {
        name: [float(value) for value in values] for name, values in fitted.history.items()
    }
