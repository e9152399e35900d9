"""Temperature scaling of a classifier.

Dimension letters: B batch, N images, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tasks.facets.training import CalibrationSettings
from tasks.statistics import temperature_scaling


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

    def sampled(self, outputs: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns all of them."""
        return outputs, targets

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
        return Fitted(*temperature_scaling.fit(outputs, targets))

    def of_contract(self, contract: Mapping[str, Any]) -> Fitted:
        """Returns the temperature of an exported model; contracts of old have none, which is 1."""
        return Fitted(float(contract.get("temperature", 1.0)), str(contract.get("calibration", "")))


CALIBRATION = Calibration()
