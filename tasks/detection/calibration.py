"""The operating threshold of each class, fitted on held-out images.

Dimension letters: B batch, N images, h w the map, K classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tasks.detection import decoding, head
from tasks.detection.judging import average_precision, matching, operating_point
from tasks.facets import training

# With fewer images, no threshold is fitted.
FEWEST_IMAGES = 10
# Two boxes of one class that overlap by more than this are one object.
MAX_IOU = 0.6
_AT_ONCE = 64


@dataclass(frozen=True)
class Fitted:
    """See tasks.facets.training.Fitted.

    Attributes:
      thresholds: for each class, the lowest score that is shown.
      max_iou: for non-maximum suppression within a class.
      note: a sentence that states how the thresholds were fitted, or why they were not.
    """

    thresholds: tuple[float, ...]
    max_iou: float = MAX_IOU
    note: str = "Not fitted."

    def probabilities(self, outputs: tf.Tensor) -> tf.Tensor:
        """Returns the highest score of each class: float32 [B, K]."""
        return tf.sigmoid(tf.reduce_max(outputs[..., :-4], axis=[1, 2]))

    def parameters(self, labels: Sequence[str]) -> dict[str, Any]:
        """Returns the thresholds by class, and the overlap."""
        return {
            "thresholds": dict(zip(labels, self.thresholds, strict=True)),
            "max_iou": self.max_iou,
        }


class Calibration:
    """See tasks.facets.training.Calibration."""

    def unfitted(self, class_count: int) -> Fitted:
        """Returns one threshold for all classes."""
        return Fitted((operating_point.DEFAULT,) * class_count)

    def fit(
        self,
        outputs: np.ndarray,
        targets: np.ndarray,
        labels: Sequence[str],
        settings: training.CalibrationSettings,
    ) -> Fitted:
        """Fits thresholds on maps float32 [N, h, w, K + 4] and targets float32 [N, M, 6]."""
        count, plain = len(outputs), self.unfitted(len(labels))
        if not settings.is_on:
            return Fitted(plain.thresholds, note="Turned off by train.calibrate.")
        if count < FEWEST_IMAGES:
            note = f"Not fitted: {count} eval images; at least {FEWEST_IMAGES} are needed."
            return Fitted(plain.thresholds, note=note)
        matches = []
        for start in range(0, count, _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            found = decoding.decode(tf.constant(outputs[part]), MAX_IOU)
            rows = (found[name].numpy() for name in ("boxes", "scores", "class_ids"))
            for target, *answer in zip(targets[part], *rows, strict=True):
                pair = head.truth(target), head.answered(*answer)
                matches.append(matching.match(*pair, len(labels), matching.ALL))
        gathered = average_precision.gather(matches, len(labels))
        thresholds = operating_point.fit(gathered)
        objects = int(gathered.positives[0].sum())
        note = f"Thresholds of the highest F1 on {objects:,} objects in {count:,} eval images."
        return Fitted(tuple(float(value) for value in thresholds), note=note)

    def of_contract(self, contract: Mapping[str, Any]) -> Fitted:
        """Returns what an exported model was fitted with."""
        given = contract["thresholds"]
        thresholds = tuple(float(given[name]) for name in contract["labels"])
        return Fitted(thresholds, float(contract["max_iou"]), str(contract["calibration"]))


CALIBRATION = Calibration()
