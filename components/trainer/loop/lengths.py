"""How many epochs a phase has."""

from components.trainer import config as train_config


def lengthened(
    epochs: int, image_count: int, batch_size: int, config: train_config.TrainConfig
) -> tuple[int, int]:
    """Returns the epochs of a phase, raised until it has the fewest steps, and its patience, raised as much.

    Args:
      epochs: of the settings.
      image_count: images of an epoch.
      batch_size: images of a step.
      config: states the fewest steps and the patience.
    """
    steps = max(1, -(-image_count // batch_size))
    longer = max(epochs, -(-config.min_phase_steps // steps))
    return longer, -(-config.early_stopping_patience * longer // epochs) if epochs else 0
