"""Temperature scaling of a classifier.

Dimension letters: B batch, N images, K classes.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import optimize, special

from tasks.facets.training import CalibrationSettings

# With fewer images, no temperature is fitted.
FEWEST_IMAGES = 20
LOWEST, HIGHEST = 0.1, 10.0


@dataclass(frozen=True)
class Fitted:
    """See tasks.facets.training.Fitted.

    Attributes:
      temperature: probabilities are softmax(logits / temperature).
      note: a sentence that states how the temperature was fitted, or why it was not.
    """

    temperature: float = 1.0
    note: str = "Not calibrated."

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Converts logits [B, K] to probabilities float32 [B, K], whose sum is 1."""
        return tf.nn.softmax(outputs / self.temperature)

    def parameters(self, _labels: Sequence[str]) -> dict[str, Any]:
        """Returns the temperature."""
        return {"temperature": self.temperature}


class Calibration:
    """See tasks.facets.training.Calibration."""

    def unfitted(self, _class_count: int) -> Fitted:
        """Returns the temperature 1."""
        return Fitted()

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        _labels: Sequence[str],
        settings: CalibrationSettings,
    ) -> Fitted:
        """Fits the temperature on logits float [N, K] and label_ids int64 [N]."""
        if not settings.is_on:
            return Fitted(1.0, "Turned off by train.calibrate.")
        return Fitted(*fit_temperature(outputs, targets))

    def of_contract(self, contract: Mapping[str, Any]) -> Fitted:
        """Returns the temperature of an exported model; contracts of old have none, which is 1."""
        return Fitted(float(contract.get("temperature", 1.0)), str(contract.get("calibration", "")))


def fit_temperature(logits: np.ndarray, label_ids: np.ndarray) -> tuple[float, str]:
    """Finds the temperature at which the log loss is lowest.

    Source: temperature scaling, Guo et al., "On Calibration of Modern Neural Networks", 2017,
    https://arxiv.org/abs/1706.04599, section 4.2. A normal prior of its logarithm is added, with
    about the weight of one image: without it, a split without a mistake would make the model as
    confident as the bounds allow. The log loss is never higher than at 1.

    Args:
      logits: float [N, K], of images that were not trained on.
      label_ids: int64 [N].

    Returns:
      The temperature, within the bounds, and a sentence for the user. The temperature is 1 with
      fewer images than FEWEST_IMAGES and with a single class.
    """
    count, class_count = logits.shape
    if class_count < 2:
        return 1.0, "Not calibrated: there is one class."
    if count < FEWEST_IMAGES:
        return 1.0, f"Not calibrated: {count} eval images; at least {FEWEST_IMAGES} are needed."

    def objective(log_temperature: float) -> float:
        loss = log_loss(logits, label_ids, math.exp(log_temperature))
        return count * loss + log_temperature**2 / 2

    bounds = (math.log(LOWEST), math.log(HIGHEST))
    found = optimize.minimize_scalar(objective, bounds=bounds, method="bounded")
    temperature = math.exp(found.x) if found.fun < objective(0.0) else 1.0
    before, after = (log_loss(logits, label_ids, value) for value in (1.0, temperature))
    return temperature, (
        f"Fitted on {count:,} eval images, whose log loss went from {before:.4f} to {after:.4f}."
    )


def log_loss(logits: np.ndarray, label_ids: np.ndarray, temperature: float = 1.0) -> float:
    """Computes the mean cross-entropy of labels int64 [N] and logits float [N, K], in nats."""
    likelihoods = special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-likelihoods[np.arange(len(label_ids)), label_ids].mean())


CALIBRATION = Calibration()
