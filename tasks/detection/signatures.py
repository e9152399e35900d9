"""Outputs of a served detector.

Dimension letters: B batch, M = 100 places for detections, K classes.
"""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from tasks.detection import decoding, target
from tasks.detection.calibration import Fitted
from tasks.facets import serving

# Lower scores are no answer: they would only fill the places.
LEAST_SCORE = 0.01


class Signatures:
    """See tasks.facets.serving.Signatures."""

    display: Literal["class_bars", "label_bars", "mask", "boxes"] = "boxes"
    explains = False
    explains_names = False

    def answer(
        self,
        fitted: Fitted,
        names: tf.Tensor,
        outputs: tf.Tensor,
        valid: tf.Tensor,
        pictures: serving.Pictures,
    ) -> dict[str, tf.Tensor]:
        """Makes the boxes in pixels of the upright image, best first; all of a score from 0.01 on.

        Which of them are shown is for the client to decide, by the thresholds of the contract.
        """
        found = decoding.decode(outputs, fitted.max_iou)
        scale, offset = target.square_map(pictures.sizes, pictures.resize)
        whole = (found["boxes"] - offset[:, None]) / scale[:, None]
        lengths = tf.tile(tf.cast(pictures.sizes, tf.float32), [1, 2])[:, None]
        shown = valid[:, None] & (found["scores"] >= LEAST_SCORE)
        boxes = tf.clip_by_value(whole, 0.0, 1.0) * lengths
        labels = tf.gather(names, found["class_ids"])
        return {
            "boxes": _padded(tf.where(shown[..., None], boxes, 0.0)),
            "scores": _padded(tf.where(shown, found["scores"], 0.0)),
            "class_ids": _padded(tf.where(shown, found["class_ids"], 0)),
            "labels": _padded(tf.where(shown, labels, "")),
            "num_detections": tf.reduce_sum(tf.cast(shown, tf.int32), axis=1),
        }

    def described(self, labels: Sequence[str]) -> dict[str, str]:
        """Describes the outputs in words."""
        count = decoding.MAX_DETECTIONS
        return {
            "boxes": f"float32 [B, {count}, 4], ymin, xmin, ymax, xmax in pixels of the upright"
            " image; zeros from num_detections on",
            "scores": f"float32 [B, {count}], in 0–1, falling; compare them with thresholds",
            "class_ids": f"int32 [B, {count}], the places of the classes in labels",
            "labels": f"string [B, {count}], the names of the classes; empty from num_detections on",
            "num_detections": "int32 [B], 0 where valid is false",
        }


def _padded(values: tf.Tensor) -> tf.Tensor:
    """Fills up to M places: small maps have fewer positions."""
    missing = decoding.MAX_DETECTIONS - values.shape[1]
    if missing <= 0:
        return values
    edges = [[0, 0], [0, missing]] + [[0, 0]] * (len(values.shape) - 2)
    empty = "" if values.dtype == tf.string else 0
    return tf.pad(values, edges, constant_values=empty)


SIGNATURES = Signatures()
