"""Builds the search space, with the present settings as its defaults."""

import keras_tuner

from components.trainer import config as train_config
from components.trainer import hyperparameters
from components.tuner import config as tune_config
from data import errors
from data.augment import augment, augment_config


def build(
    tune: tune_config.TuneConfig,
    train: train_config.TrainConfig,
    changes: augment_config.AugmentConfig,
) -> keras_tuner.HyperParameters:
    """Makes the space; its defaults are the present settings, or the nearest ones in it.

    Args:
      tune: the ranges and lists of values.
      train: the present settings of training.
      changes: the present settings of augmentation.

    Raises:
      errors.ConfigError: every setting has a single value.
    """
    space = keras_tuner.HyperParameters()
    for name in tune.searched(train):
        bounds = getattr(tune, name)
        present = getattr(train, name, 1.0)
        if name == hyperparameters.AUGMENT_STRENGTH and not _changes_anything(tune, changes):
            continue
        if name == "layer_decay" and train.optimizer != "adamw":
            continue  # the other optimizers have one rate for all blocks
        values = sorted(set(bounds))
        if len(values) == 1:
            space.Fixed(name, values[0])
        elif name in tune_config.CHOICES:
            distances = {value: abs(value - present) for value in values}
            space.Choice(name, values, default=min(values, key=distances.__getitem__))
        else:
            low, high = values
            sampling = "log" if name.endswith("learning_rate") else "linear"
            default = min(max(present, low), high)
            space.Float(name, low, high, sampling=sampling, default=default)
    if all(isinstance(one, keras_tuner.engine.hyperparameters.Fixed) for one in space.space):
        raise errors.ConfigError("The settings under tune leave nothing to search; widen one.")
    return space


def _changes_anything(tune: tune_config.TuneConfig, changes: augment_config.AugmentConfig) -> bool:
    """Returns whether the strength of augmentation makes a difference to a trial."""
    one_view = tune.what == "head" and tune.views == 1
    return not one_view and not augment.is_identity(changes)
