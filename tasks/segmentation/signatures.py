"""Outputs of a served segmentation model.

Dimension letters: B batch, S side in pixels, h w map, H W upright image, K classes.
"""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from data.graph import mask_geometry
from data.masks import VOID
from tasks.facets import usual
from tasks.facets.serving import Pictures
from tasks.facets.training import Fitted

# Of a pixel whose class has at least this probability the model is sure.
SURE = 0.9


class Signatures(usual.UsualSignatures):
    """See tasks.task.Signatures."""

    display: Literal["class_bars", "label_bars", "mask"] = "mask"
    explains = False
    compared = "confidence"

    def answer(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        pictures: Pictures,
    ) -> dict[str, tf.Tensor]:
        """Makes the mask of each image at its upright size, and at that of the model."""
        side, classes = pictures.size_px, outputs.shape[-1]
        probabilities = fitted.probabilities(outputs)

        top = tf.reduce_max(probabilities, axis=-1)
        best = tf.cast(tf.argmax(probabilities, axis=-1), tf.uint8)
        sure = tf.where(top >= SURE, best, tf.constant(VOID, tf.uint8))

        def one(row: tuple[tf.Tensor, ...]) -> tuple[tf.Tensor, ...]:
            scores, size, certain = row
            mask = mask_geometry.upright_classes(scores, size, side, pictures.resize)
            counts = tf.math.bincount(
                tf.cast(tf.reshape(mask, [-1]), tf.int32), minlength=256, maxlength=256
            )[:classes]
            total = tf.maximum(1, tf.reduce_sum(counts))
            shares = tf.cast(counts, tf.float32) / tf.cast(total, tf.float32)
            certain = mask_geometry.upright_mask(certain, size, side, pictures.resize)
            return tf.io.encode_png(mask[..., None]), shares, tf.io.encode_png(certain[..., None])

        text = tf.TensorSpec([], tf.string)
        masks, shares, certain = tf.map_fn(
            one,
            (probabilities, pictures.sizes, sure),
            fn_output_signature=(text, tf.TensorSpec([classes], tf.float32), text),
            parallel_iterations=16,
        )
        at_model_size = tf.argmax(tf.image.resize(probabilities, [side, side]), axis=-1)
        flat = tf.cast(tf.reshape(at_model_size, [-1, side * side]), tf.int32)
        counts = tf.math.bincount(flat, minlength=classes, maxlength=classes, axis=-1)
        largest = tf.gather(tf.constant(list(labels)), tf.argmax(counts, axis=-1))
        return {
            "mask_png": tf.where(valid, masks, ""),
            "sure_png": tf.where(valid, certain, ""),
            "class_ids": tf.where(
                valid[:, None, None], tf.cast(at_model_size, tf.uint8), tf.constant(0, tf.uint8)
            ),
            "label": tf.where(valid, largest, ""),
            "confidence": tf.where(valid, tf.reduce_mean(top, axis=[1, 2]), 0.0),
            "class_fractions": tf.where(valid[:, None], shares, 0.0),
        }

    def explained(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        class_ids: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Returns nothing: there is no signature ``explain``."""
        return {}

    def explained_described(self) -> dict[str, str]:
        """Returns nothing: there is no signature ``explain``."""
        return {}

    def exported(self, labels: Sequence[str]) -> str:
        """Returns the shape of the probabilities: of a grid over the square, coarser than it."""
        return f"[B, h, w, {len(labels)}] on a grid of h × w equal cells of the image"

    def described(self, labels: Sequence[str]) -> dict[str, str]:
        """Describes the outputs in words."""
        return {
            "mask_png": "string [B], a PNG of one channel in the size of the upright image: the number of"
            " each pixel's class in labels, 255 for none; empty where valid is false",
            "sure_png": f"string [B], the same where the class has a probability of at least {SURE}, else 255",
            "class_ids": "uint8 [B, S, S], the classes of mask_png at image_size_px; zeros where valid is false",
            "label": "string [B], the class with the most pixels of class_ids; empty where valid is false",
            "confidence": "float32 [B], in 0–1, the mean over the pixels of the highest probability",
            "class_fractions": f"float32 [B, {len(labels)}], in 0–1, the share of the pixels of mask_png"
            " that each class has, in the order of labels",
        }


SIGNATURES = Signatures()
