"""Applies the results of a tuner to the settings of training and augmentation."""

from collections.abc import Mapping
from typing import Any

from components.trainer import config as train_config
from data.augment import augment_config

AUGMENT_STRENGTH = "augment_strength"
# Hyperband stores its own counters among the values.
OF_THE_TUNER = "tuner/"


def apply(
    train: train_config.TrainConfig,
    changes: augment_config.AugmentConfig,
    found: Mapping[str, Any] | None,
) -> tuple[train_config.TrainConfig, augment_config.AugmentConfig]:
    """Overrides settings with the values that a tuner found.

    Args:
      train: the settings of training.
      changes: the settings of augmentation.
      found: the config of a keras_tuner.HyperParameters: its ``values`` are fields of TrainConfig
        and ``augment_strength``, the factor of AugmentConfig.scaled; None changes nothing.

    Raises:
      pydantic.ValidationError: a value is not a setting of training, or out of bounds.
    """
    if found is None:
        return train, changes
    values = {
        name: value for name, value in found["values"].items() if not name.startswith(OF_THE_TUNER)
    }
    if "head_learning_rate" in values:
        values.setdefault("head_start", "random")  # as in the trials, whose heads took steps
    strength = float(values.pop(AUGMENT_STRENGTH, 1.0))
    return train.model_validate({**train.model_dump(), **values}), changes.scaled(strength)
