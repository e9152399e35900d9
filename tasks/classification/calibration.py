"""Temperature scaling of a classifier.

Dimension letters: B batch, N images, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import special

from tasks import temperature
from tasks.facets import usual
from tasks.facets.training import CalibrationSettings, TrainImages


@dataclass(frozen=True)
class Fitted(usual.UsualFitted):
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

    reads_train = False

    def unfitted(self, _class_count: int) -> Fitted:
        """Returns the temperature 1."""
        return Fitted()

    def sampled(
        self, outputs: np.ndarray, targets: np.ndarray, settings: CalibrationSettings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns all of them."""
        return outputs, targets

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        _labels: Sequence[str],
        settings: CalibrationSettings,
        _train: TrainImages | None = None,
    ) -> Fitted:
        """Fits the temperature on logits float [N, K] and label_ids int64 [N]."""
        if not settings.is_on:
            return Fitted(1.0, "Turned off by train.calibrate.")
        return Fitted(*fit_temperature(outputs, targets))

    def of_contract(self, contract: Mapping[str, Any], _folder: Path | None = None) -> Fitted:
        """Returns the temperature of an exported model; contracts of old have none, which is 1."""
        return Fitted(float(contract.get("temperature", 1.0)), str(contract.get("calibration", "")))


def fit_temperature(logits: np.ndarray, label_ids: np.ndarray) -> tuple[float, str]:
    """Finds the temperature at which the log loss is lowest; see tasks.temperature.

    Args:
      logits: float [N, K], of images that were not trained on.
      label_ids: int64 [N].

    Returns:
      The temperature, and a sentence for the user. The temperature is 1 with a single class.
    """
    count, class_count = logits.shape
    if class_count < 2:
        return 1.0, "Not calibrated: there is one class."
    return temperature.fit(lambda value: log_loss(logits, label_ids, value), count)


def log_loss(logits: np.ndarray, label_ids: np.ndarray, temperature: float = 1.0) -> float:
    """Computes the mean cross-entropy of labels int64 [N] and logits float [N, K], in nats."""
    likelihoods = special.log_softmax(logits.astype(np.float64) / temperature, axis=1)
    return float(-likelihoods[np.arange(len(label_ids)), label_ids].mean())


CALIBRATION = Calibration()
