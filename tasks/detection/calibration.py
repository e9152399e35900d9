"""The operating threshold of each class, fitted on held-out images.

Dimension letters: B batch, N images, h w the map, K classes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tasks.boxes import average_precision, decoding, matching, operating_point
from tasks.detection import head
from tasks.facets import training, usual

# With fewer images, no threshold is fitted.
FEWEST_IMAGES = 10
# Longer chains of boxes of one class, each of which hides the next, are rare.
ROUNDS = 8
# Lower scores are no answer: they would only fill the places.
LEAST_SCORE = 0.01


@dataclass(frozen=True)
class Fitted(usual.UsualFitted):
    """See tasks.facets.training.Fitted.

    Attributes:
      thresholds: for each class, the lowest score that is shown.
      max_iou: for non-maximum suppression within a class.
      peaks_only: whether only cells that no neighbour exceeds give boxes.
      note: a sentence that states how the thresholds were fitted, or why they were not.
      rounds: of the suppression, see graph_geometry.suppress; None: as many as it needs.
    """

    thresholds: tuple[float, ...]
    max_iou: float = decoding.MAX_IOU
    peaks_only: bool = False
    note: str = "Not fitted."
    rounds: int | None = None

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the detections float32 [B, 100, 6], see :func:`decoding.packed`."""
        found = decoding.decode(outputs, self.max_iou, self.peaks_only, self.rounds)
        return decoding.packed(found, LEAST_SCORE)

    def without_loops(self) -> "Fitted":
        """Returns the same with a fixed number of rounds of suppression."""
        return dataclasses.replace(self, rounds=ROUNDS)

    def parameters(self, labels: Sequence[str]) -> dict[str, Any]:
        """Returns the thresholds by class, and the overlap."""
        return {
            "thresholds": dict(zip(labels, self.thresholds, strict=True)),
            "max_iou": self.max_iou,
            "peaks_only": self.peaks_only,
        }


class Calibration:
    """See tasks.facets.training.Calibration."""

    reads_train = False

    def unfitted(self, class_count: int) -> Fitted:
        """Returns one threshold for all classes."""
        return Fitted((operating_point.DEFAULT,) * class_count)

    def sampled(
        self, outputs: np.ndarray, targets: np.ndarray, settings: training.CalibrationSettings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Reduces maps [B, h, w, K + 4] to detections [B, 100, 6]; targets stay."""
        return self._plain(settings, 1).probabilities(tf.constant(outputs)).numpy(), targets

    def _plain(self, settings: training.CalibrationSettings, class_count: int) -> Fitted:
        return dataclasses.replace(
            self.unfitted(class_count), max_iou=settings.nms_iou, peaks_only=settings.peaks_only
        )

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        labels: Sequence[str],
        settings: training.CalibrationSettings,
        _train: training.TrainImages | None = None,
    ) -> Fitted:
        """Fits thresholds on detections float32 [N, 100, 6] and targets float32 [N, M, 6]."""
        count, plain = len(outputs), self._plain(settings, len(labels))
        if not settings.is_on:
            return dataclasses.replace(plain, note="Turned off by train.calibrate.")
        if count < FEWEST_IMAGES:
            note = f"Not fitted: {count} eval images; at least {FEWEST_IMAGES} are needed."
            return dataclasses.replace(plain, note=note)
        matches = [
            matching.match(head.truth(target), head.answered(found), len(labels), matching.ALL)
            for target, found in zip(targets, outputs, strict=True)
        ]
        gathered = average_precision.gather(matches, len(labels))
        thresholds = operating_point.fit(gathered, settings.min_precision)
        objects = int(gathered.positives[0].sum())
        chosen = "the highest F1"
        if settings.min_precision is not None:
            chosen = f"a precision of at least {settings.min_precision:g}"
        note = f"Thresholds of {chosen} on {objects:,} objects in {count:,} eval images."
        fitted = tuple(float(value) for value in thresholds)
        return dataclasses.replace(plain, thresholds=fitted, note=note)

    def of_contract(self, contract: Mapping[str, Any], _folder: Path | None = None) -> Fitted:
        """Returns what an exported model was fitted with."""
        given = contract["thresholds"]
        thresholds = tuple(float(given[name]) for name in contract["labels"])
        # A contract without it is of a model that decoded peaks.
        peaks_only = bool(contract.get("peaks_only", True))
        note = str(contract["calibration"])
        return Fitted(thresholds, float(contract["max_iou"]), peaks_only, note)


CALIBRATION = Calibration()
