"""Temperature scaling: finds the factor of logits at which the log loss is lowest.

Source: Guo et al., "On Calibration of Modern Neural Networks", 2017,
https://arxiv.org/abs/1706.04599, section 4.2.
"""

import math
from collections.abc import Callable

from scipy import optimize

# With fewer images, no temperature is fitted.
FEWEST_IMAGES = 20
LOWEST, HIGHEST = 0.1, 10.0


def fit(log_loss: Callable[[float], float], count: int) -> tuple[float, str]:
    """Finds the temperature at which the log loss is lowest.

    A normal prior of its logarithm is added, with about the weight of one image: without it, a
    split without a mistake would make the model as confident as the bounds allow. The log loss is
    never higher than at 1.

    Args:
      log_loss: temperature → mean log loss of held-out images, in nats.
      count: number of these images.

    Returns:
      The temperature, within the bounds, and a sentence for the user. The temperature is 1 with
      fewer images than FEWEST_IMAGES.
    """
    if count < FEWEST_IMAGES:
        return 1.0, f"Not calibrated: {count} eval images; at least {FEWEST_IMAGES} are needed."

    def objective(log_temperature: float) -> float:
        loss = log_loss(math.exp(log_temperature))
        return count * loss + log_temperature**2 / 2

    bounds = (math.log(LOWEST), math.log(HIGHEST))
    found = optimize.minimize_scalar(objective, bounds=bounds, method="bounded")
    temperature = math.exp(found.x) if found.fun < objective(0.0) else 1.0
    before, after = (log_loss(value) for value in (1.0, temperature))
    return temperature, (
        f"Fitted on {count:,} eval images, whose log loss went from {before:.4f} to {after:.4f}."
    )
