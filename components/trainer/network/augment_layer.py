"""Augmentation as a layer of the model, for training on a device with compute to spare.

Dimension letters: B batch, S side in pixels.
"""

from typing import Any

import keras
import tensorflow as tf

from data.augment import augment, augment_config

_STATE = "seed_state"


@keras.saving.register_keras_serializable("image_pipeline")
class Augmentation(keras.layers.Layer):  # type: ignore[misc]
    """Applies the changes of ``data.augment.augment`` in training only.

    The state of its random generator is a variable of the model and stored in its files, so a
    checkpoint restores it.
    """

    def __init__(self, config: dict[str, Any], seed: int = 0, **options: Any) -> None:
        """Checks the config.

        Args:
          config: the fields of an AugmentConfig.
          seed: seed of the random generator.
          **options: arguments of the base class.

        Raises:
          pydantic.ValidationError: ``config`` has unknown fields or values out of bounds.
        """
        # No autocast: a float16 policy would round the pixels.
        super().__init__(**{"autocast": False, **options})
        self.changes = augment_config.AugmentConfig.model_validate(config)
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, pixels: tf.Tensor, training: bool | None = False) -> tf.Tensor:
        """Changes each image by its own random draws.

        Args:
          pixels: uint8 or float [B, S, S, 3] in 0–255.
          training: False returns the pixels unchanged.

        Returns:
          Pixels of the same shape and dtype; changed floats are whole numbers.
        """
        if not training or augment.is_identity(self.changes):
            return pixels
        shape = (keras.ops.shape(pixels)[0], augment.DRAWS)
        draws = keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)
        return self.apply(pixels, draws)

    def apply(self, pixels: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
        """Changes each image by given draws, float32 [B, DRAWS] in [0, 1)."""
        if pixels.dtype == tf.uint8:
            return augment.apply(pixels, draws, self.changes)
        levels = tf.cast(tf.clip_by_value(tf.round(pixels), 0, 255), tf.uint8)
        return tf.cast(augment.apply(levels, draws, self.changes), pixels.dtype)

    def save_own_variables(self, store: Any) -> None:
        """Stores the state of the random generator, which Keras leaves out of its files."""
        store[_STATE] = keras.ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store: Any) -> None:
        """Restores the state of the random generator."""
        self.seed_generator.state.assign(store[_STATE])

    def compute_output_spec(self, pixels: Any, training: bool | None = False) -> keras.KerasTensor:
        """Returns the shape and dtype of the pixels."""
        return keras.KerasTensor(pixels.shape, pixels.dtype)

    def get_config(self) -> dict[str, Any]:
        """Returns the config from which a saved model rebuilds the layer."""
        changes = self.changes.model_dump(mode="json")
        return {**super().get_config(), "config": changes, "seed": self.seed}
