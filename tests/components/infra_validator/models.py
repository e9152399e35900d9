"""Models that must not be served."""

import shutil
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from components.trainer.network import model
from tests.models import tiny


class Slow(layers.Layer):
    """Takes most of a second for any batch, and changes nothing."""

    def call(self, inputs):
        start = tf.fill([1024, 1024], tf.reduce_mean(inputs) / 1e6)
        product = tf.while_loop(
            lambda index, _: index < 30,
            lambda index, product: (index + 1, tf.tanh(product @ start)),
            (0, start),
        )[1]
        return inputs + 0 * tf.reduce_mean(product)


def slow() -> keras.Model:
    pixels = keras.Input((16, 16, 3), name="pixels")
    embedding = layers.Flatten(name=model.EMBEDDING_LAYER)(Slow()(pixels))
    return keras.Model(pixels, layers.Dense(3, name="logits")(embedding))


def not_a_number() -> keras.Model:
    made = tiny()
    head = made.get_layer("logits")
    kernel, bias = head.get_weights()
    head.set_weights([kernel, np.full_like(bias, np.nan)])
    return made


def truncated(whole: Path, target: Path) -> Path:
    """A copy whose weights end in the middle."""
    shutil.copytree(whole, target)
    (data,) = target.glob("variables/variables.data-*")
    data.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    return target
