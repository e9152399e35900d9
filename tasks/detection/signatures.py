"""Outputs of a served detector.

Dimension letters: B batch, M = 100 places for detections, K classes.
"""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from data.graph import decoding as image_decoding
from tasks.boxes import decoding
from tasks.detection.calibration import Fitted
from tasks.facets import serving, usual


class Signatures(usual.UsualSignatures):
    """See tasks.facets.serving.Signatures."""

    display: Literal["class_bars", "label_bars", "mask", "boxes"] = "boxes"
    explains = False
    compared = "scores"

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
        found = fitted.probabilities(outputs)
        scores, class_ids = (
            found[..., decoding.SCORE],
            tf.cast(found[..., decoding.CLASS_ID], tf.int32),
        )
        scale, offset = image_decoding.square_map(pictures.sizes, pictures.resize, pictures.size_px)
        whole = (found[..., :4] - offset[:, None]) / scale[:, None]
        lengths = tf.tile(tf.cast(pictures.sizes, tf.float32), [1, 2])[:, None]
        shown = valid[:, None] & (scores > 0)
        boxes = tf.clip_by_value(whole, 0.0, 1.0) * lengths
        labels = tf.where(shown, tf.gather(names, class_ids), "")
        thresholds = tf.gather(tf.constant(fitted.thresholds, tf.float32), class_ids)
        first = tf.argmax(shown & (scores >= thresholds), axis=1)
        has_one = tf.reduce_any(shown & (scores >= thresholds), axis=1)
        return {
            "boxes": tf.where(shown[..., None], boxes, 0.0),
            "scores": tf.where(shown, scores, 0.0),
            "class_ids": tf.where(shown, class_ids, 0),
            "labels": labels,
            "num_detections": tf.reduce_sum(tf.cast(shown, tf.int32), axis=1),
            "image_size": tf.where(valid[:, None], pictures.sizes, 0),
            "label": tf.where(has_one, tf.gather(labels, first, batch_dims=1), ""),
            "detections": tf.where(shown[..., None], found, 0.0),
        }

    def exported(self, labels: Sequence[str]) -> str:
        """Describes what exports give instead of probabilities: packed detections."""
        return (
            f"[B, {decoding.MAX_DETECTIONS}, {decoding.COLUMNS}]: ymin, xmin, ymax, xmax of the square"
            " image, the number of the class and its score, best first,"
        )

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
            "image_size": "int32 [B, 2], height and width of the upright image; 0 where valid is false",
            "label": "string [B], the class of the best detection at the threshold of its class or"
            " above; empty if there is none",
            "detections": f"float32 [B, {count}, 6], the same as exports for other runtimes give:"
            " ymin, xmin, ymax, xmax in 0–1 of the resized square, class, score",
        }


SIGNATURES = Signatures()
