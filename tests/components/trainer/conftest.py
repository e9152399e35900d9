"""A small classifier trained through both phases, made once for the tests here."""

from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.trainer import config, model, phases
from components.trainer import history as training_history

SIZE = 32
CLASSES = 2


@dataclass
class Trained:
    classifier: keras.Model
    history: training_history.History
    statistics_before: list[np.ndarray]
    log_dir: Path


def statistics(classifier: keras.Model) -> list[np.ndarray]:
    """The moving means and variances of every BatchNorm."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    norms = [n for n in backbone.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert len(norms) > 10
    return [np.array(w) for n in norms for w in (n.moving_mean, n.moving_variance)]


def batches(seed: int = 0) -> phases.Batches:
    """Bright against dark noise: 64 images, learnt in a few steps."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, CLASSES, 64)
    noise = generator.integers(0, 60, (64, SIZE, SIZE, 3))
    pixels = (noise + 180 * labels[:, None, None, None]).astype(np.uint8)
    dataset = tf.data.Dataset.from_tensor_slices((pixels, labels.astype(np.int64))).batch(16)
    return phases.Batches(dataset, dataset, 64)


SETTINGS = config.TrainConfig(
    batch_size=16,
    head_epochs=3,
    head_learning_rate=1e-2,
    fine_tune_epochs=2,
    fine_tune_learning_rate=1e-3,
    unfreeze_blocks=3,
)


def train(log_dir: Path) -> Trained:
    keras.utils.set_random_seed(0)
    classifier = model.build(SETTINGS, SIZE, CLASSES)
    before = statistics(classifier)
    history = phases.train(classifier, batches(), SETTINGS, log_dir)
    return Trained(classifier, history, before, log_dir)


@pytest.fixture(scope="package")
def trained(tmp_path_factory) -> Trained:
    return train(tmp_path_factory.mktemp("logs"))
