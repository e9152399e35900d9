"""Temperature scaling: one number that makes probabilities match frequencies.

Dimension letters: N answers, K classes.
"""

import math

import numpy as np
from scipy import optimize, special

# With fewer answers, no temperature is fitted.
FEWEST_IMAGES = 20
LOWEST, HIGHEST = 0.1, 10.0


def fit(logits: np.ndarray, label_ids: np.ndarray, what: str = "images") -> tuple[float, str]:
    """Finds the temperature at which the log loss is lowest.

    Source: temperature scaling, Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599, section 4.2. A normal prior of its logarithm is added, with
    about the weight of one image: without it, a split without a mistake would make the model as
    confident as the bounds allow. The log loss is never higher than at 1.

    Args:
      logits: float [N, K], of images that were not trained on.
      label_ids: int64 [N].
      what: the word for what was answered, in the sentence.

    Returns:
      The temperature, within the bounds, and a sentence for the user. The temperature is 1 with
      fewer images than FEWEST_IMAGES and with a single class.
    """
    count, class_count = logits.shape
    if class_count < 2:
        return 1.0, "Not calibrated: there is one class."
    if count < FEWEST_IMAGES:
        return 1.0, f"Not calibrated: {count} eval {what}; at least {FEWEST_IMAGES} are needed."

    def objective(log_temperature: float) -> float:
        loss = log_loss(logits, label_ids, math.exp(log_temperature))
        return count * loss + log_temperature**2 / 2

    bounds = (math.log(LOWEST), math.log(HIGHEST))
    found = optimize.minimize_scalar(objective, bounds=bounds, method="bounded")
    temperature = math.exp(found.x) if found.fun < objective(0.0) else 1.0
    before, after = (log_loss(logits, label_ids, value) for value in (1.0, temperature))
    return temperature, (
        f"Fitted on {count:,} eval {what}, whose log loss went from {before:.4f} to {after:.4f}."
    )


def log_loss(logits: np.ndarray, label_ids: np.ndarray, temperature: float = 1.0) -> float:
    """Computes the mean cross-entropy of labels int64 [N] and logits float [N, K], in nats."""
    likelihoods = special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-likelihoods[np.arange(len(label_ids)), label_ids].mean())
