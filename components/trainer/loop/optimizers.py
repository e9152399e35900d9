"""Optimizers with a learning rate for every block, and the schedules of the rates.

Dimension letters: B batch, K classes.
"""

import math
from collections.abc import Sequence

import keras

from components.trainer import config as train_config

PLATEAU_FACTOR = 0.5
PLATEAU_PATIENCE = 2
SGD_MOMENTUM = 0.9


@keras.saving.register_keras_serializable("image_pipeline")
class BlockwiseAdamW(keras.optimizers.AdamW):  # type: ignore[misc]
    """AdamW whose learning rate is multiplied by a factor for each variable.

    Scaling gradients would have no effect: Adam divides by their scale.
    Source: Loshchilov & Hutter, 2017, https://arxiv.org/abs/1711.05101; for rates that fall from
    block to block Howard & Ruder, 2018, https://arxiv.org/abs/1801.06146, section 3.2.

    Args:
      factors: one for every trainable variable, in their order; empty: all 1.
      options: arguments of AdamW.
    """

    def __init__(self, factors: Sequence[float] = (), **options: object) -> None:
        super().__init__(**options)
        self.factors = list(factors)

    def update_step(
        self, gradient: object, variable: object, learning_rate: keras.KerasTensor
    ) -> None:
        """See the base class."""
        if self.factors:
            learning_rate = learning_rate * self.factors[self._get_variable_index(variable)]
        super().update_step(gradient, variable, learning_rate)

    def get_config(self) -> dict[str, object]:
        """Returns the config from which a saved model rebuilds the optimizer."""
        return {**super().get_config(), "factors": self.factors}


def build(
    config: train_config.TrainConfig,
    rate: float,
    epochs: int,
    steps_per_epoch: int,
    factors: Sequence[float] = (),
) -> keras.optimizers.Optimizer:
    """Makes the optimizer of a phase.

    Args:
      config: its kind, schedule, clipping, decay and averaging.
      rate: the highest learning rate.
      epochs: the length of the phase, for the schedule.
      steps_per_epoch: steps in an epoch, for the schedule and the averaging.
      factors: of the rate, one for each trainable variable; only AdamW uses them.
    """
    averaging = config.averaging_epochs * steps_per_epoch
    options: dict[str, object] = {"clipnorm": config.clip_norm or None}
    if averaging:
        options |= {"use_ema": True, "ema_momentum": math.exp(-1 / averaging)}
    learning_rate = _schedule(config, rate, epochs * steps_per_epoch)
    if config.optimizer == "sgd":
        return keras.optimizers.SGD(learning_rate, momentum=SGD_MOMENTUM, nesterov=True, **options)
    if config.optimizer == "adam":
        return keras.optimizers.Adam(learning_rate, **options)
    optimizer = BlockwiseAdamW(
        factors, learning_rate=learning_rate, weight_decay=config.weight_decay, **options
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    return optimizer


def _schedule(
    config: train_config.TrainConfig, rate: float, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if config.schedule != "cosine":
        return rate
    warm_up_steps = max(1, round(steps * config.warm_up_fraction)) if config.warm_up_fraction else 0
    warm_up = {"warmup_target": rate, "warmup_steps": warm_up_steps} if warm_up_steps else {}
    start = 0.0 if warm_up_steps else rate
    return keras.optimizers.schedules.CosineDecay(start, max(1, steps - warm_up_steps), **warm_up)


def plateau_rate(rate: float, losses: Sequence[float]) -> float:
    """Computes the rate after some epochs as ReduceLROnPlateau with its default thresholds does.

    Args:
      rate: the initial rate.
      losses: on the eval split, one for each epoch.
    """
    best, waited = math.inf, 0
    for loss in losses:
        if loss < best - 1e-4:
            best, waited = loss, 0
            continue
        waited += 1
        if waited >= PLATEAU_PATIENCE:
            rate, waited = rate * PLATEAU_FACTOR, 0
    return rate


def block_factors(
    variables: Sequence[keras.Variable],
    blocks: Sequence[Sequence[str]],
    layer_decay: float,
) -> list[float]:
    """Computes the factor of the rate for each variable: 1 for the head, less for lower blocks.

    Args:
      variables: the trainable variables.
      blocks: names of the layers of each block, from the top down.
      layer_decay: factor from a block to the one below.
    """
    depth = {name: index for index, names in enumerate(blocks, start=1) for name in names}
    return [layer_decay ** depth.get(variable.path.split("/")[-2], 0) for variable in variables]
