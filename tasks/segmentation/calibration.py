"""Temperature scaling of the probabilities of pixels.

Dimension letters: B batch, S side in pixels, h w map of logits, K classes, M pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import special

from data.masks import convert
from tasks import temperature
from tasks.facets import training, usual
from tasks.segmentation.panels import colours

# Pixels of an image that the temperature is fitted on; neighbours tell the same.
PIXELS_OF_AN_IMAGE = 256


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
        """Converts logits [B, h, w, K] to probabilities of the same shape, whose sum is 1."""
        return tf.nn.softmax(outputs / self.temperature)

    def parameters(self, labels: Sequence[str]) -> dict[str, Any]:
        """Returns the temperature, and the colours in which a page draws the classes."""
        return {"temperature": self.temperature, "colours": colours.css(len(labels))}


class Calibration:
    """See tasks.facets.training.Calibration."""

    reads_train = False

    def unfitted(self, _class_count: int) -> Fitted:
        """Returns the temperature 1."""
        return Fitted()

    def sampled(
        self, outputs: np.ndarray, targets: np.ndarray, settings: training.CalibrationSettings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Takes pixels on a grid: logits [B, h, w, K] and masks [B, S, S] → [M, K] and [M].

        Void pixels are left out.
        """
        size = (int(outputs.shape[1]), int(outputs.shape[2]))
        side = min(int(PIXELS_OF_AN_IMAGE**0.5), *size)
        rows, columns = ((2 * np.arange(side) + 1) * old // (2 * side) for old in size)
        logits = outputs[:, rows[:, None], columns].reshape(-1, outputs.shape[-1])
        truth = [convert.nearest(mask, size)[rows[:, None], columns] for mask in targets]
        label_ids = np.array(truth, np.int64).reshape(-1)
        known = label_ids < outputs.shape[-1]
        return logits[known], label_ids[known]

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        _labels: Sequence[str],
        settings: training.CalibrationSettings,
        _train: training.TrainImages | None = None,
    ) -> Fitted:
        """Fits the temperature on logits float [M, K] and class numbers int64 [M]."""
        if not settings.is_on:
            return Fitted(1.0, "Turned off by train.calibrate.")
        chosen = np.arange(len(targets))

        def log_loss(value: float) -> float:
            likelihoods = special.log_softmax(outputs.astype(np.float64) / value, axis=1)
            return float(-likelihoods[chosen, targets].mean())

        return Fitted(*temperature.fit(log_loss, len(targets)))

    def of_contract(self, contract: Mapping[str, Any], _folder: Path | None = None) -> Fitted:
        """Returns the temperature of an exported model."""
        return Fitted(float(contract["temperature"]), str(contract.get("calibration", "")))


CALIBRATION = Calibration()
