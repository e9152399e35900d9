"""Temperature scaling of many labels, and the threshold of each.

Dimension letters: B batch, N images, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from scipy import special

from tasks import temperature as scaling
from tasks.facets import usual
from tasks.facets.training import CalibrationSettings, TrainImages
from tasks.multilabel.calibration import thresholds

_MOST_NAMED = 5  # labels that a note names


@dataclass(frozen=True)
class Fitted(usual.UsualFitted):
    """See tasks.facets.training.Fitted.

    Attributes:
      thresholds: K values in 0–1; a label is named where its probability reaches its threshold.
      temperature: probabilities are sigmoid(logits / temperature), each by itself.
      note: sentences that state how both were fitted, or why they were not.
    """

    thresholds: tuple[float, ...]
    temperature: float = 1.0
    note: str = field(default="Not calibrated.", compare=False)

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Converts logits [B, K] to probabilities float32 [B, K], each independent of the others."""
        return tf.nn.sigmoid(outputs / self.temperature)

    def parameters(self, labels: Sequence[str]) -> dict[str, Any]:
        """Returns the temperature, and the thresholds by label."""
        by_label = dict(zip(labels, self.thresholds, strict=True))
        return {"temperature": self.temperature, "thresholds": by_label}


class Calibration:
    """See tasks.facets.training.Calibration."""

    reads_train = False

    def unfitted(self, class_count: int) -> Fitted:
        """Returns the temperature 1 and the default threshold for every label."""
        return Fitted((thresholds.DEFAULT,) * class_count)

    def sampled(
        self, outputs: np.ndarray, targets: np.ndarray, settings: CalibrationSettings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Returns all of them."""
        return outputs, targets

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        labels: Sequence[str],
        settings: CalibrationSettings,
        _train: TrainImages | None = None,
    ) -> Fitted:
        """Fits one temperature and K thresholds on logits [N, K] and targets [N, K] of 0 or 1.

        One temperature keeps the order of an image's labels, so that the most probable one is the
        one of the highest logit. The thresholds are fitted also where calibration is off.
        """
        present = np.asarray(targets) > 0
        degree, note = 1.0, "Turned off by train.calibrate."
        if settings.is_on:
            degree, note = scaling.fit(
                lambda value: log_loss(outputs, present, value), len(outputs)
            )
        probabilities = tf.nn.sigmoid(tf.constant(outputs, tf.float32) / degree).numpy()
        found = thresholds.find(probabilities, present, settings.min_precision)
        sentences = [note, _aim(settings.min_precision), *_exceptions(found, labels)]
        # As float32 compares them in the served graph, whatever reads the contract.
        values = tuple(float(value) for value in found.thresholds)
        return Fitted(values, degree, " ".join(sentences))

    def of_contract(self, contract: Mapping[str, Any], _folder: Path | None = None) -> Fitted:
        """Returns temperature and thresholds of an exported model."""
        by_label = contract["thresholds"]
        values = tuple(float(by_label[name]) for name in contract["labels"])
        return Fitted(values, float(contract["temperature"]), str(contract["calibration"]))


def log_loss(logits: np.ndarray, present: np.ndarray, temperature: float = 1.0) -> float:
    """Computes the mean over images and labels of the binary cross-entropy, in nats.

    Args:
      logits: float [N, K].
      present: bool [N, K].
      temperature: what logits are divided by.
    """
    signed = np.where(present, logits, -logits).astype(np.float64) / temperature
    return float(-special.log_expit(signed).mean())


def _aim(min_precision: float | None) -> str:
    if min_precision is None:
        return "Each label's threshold has the highest F1 there."
    return (
        "Each label's threshold has the highest recall there among those of a precision of at"
        f" least {min_precision:g}."
    )


def _exceptions(found: thresholds.Found, labels: Sequence[str]) -> list[str]:
    said = []
    if found.too_few:
        said.append(
            f"{_named(found.too_few, labels)}: the threshold is {thresholds.DEFAULT:g}, because"
            f" fewer than {thresholds.FEWEST_IMAGES} eval images have the label, or have it not."
        )
    if found.unreached:
        said.append(
            f"{_named(found.unreached, labels)}: no threshold has that precision; the one of the"
            " highest precision is used."
        )
    return said


def _named(indices: Sequence[int], labels: Sequence[str]) -> str:
    names = [labels[index] for index in indices]
    rest = len(names) - _MOST_NAMED
    return ", ".join(names[:_MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


CALIBRATION = Calibration()
