"""The head of segmentation: a U-Net's decoder, its loss, and mean IoU.

Dimension letters: B batch, S side in pixels, h w C map, K classes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tasks.facets.training import Tap, Watched
from tasks.pages import matrix_picture
from tasks.segmentation.figures import pixels
from tasks.segmentation.head import decoder, losses

DECODER_LAYER = "decoder"


def pixel_accuracy(y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
    """Returns the share of correctly answered pixels without void, float32 [B]."""
    truth = losses.sampled(y_true, y_pred.shape[1:3])
    known = tf.cast(truth < y_pred.shape[-1], tf.float32)
    right = tf.cast(tf.cast(tf.argmax(y_pred, axis=-1), tf.uint8) == truth, tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(right * known, [1, 2]), tf.reduce_sum(known, [1, 2]))


class Head:
    """See tasks.task.Head; the tally counts pixels: rows are true classes, columns answered ones."""

    taps: Sequence[Tap] = ("maps", "pooled")
    strides: Sequence[int] = (1, 2, 4, 8, 16, 32)
    needed_strides: Sequence[int] = ()
    # Maps of several strides take megabytes a view, and a decoder learns few images by heart: of less
    # than a hundred frames of a drive, 16 views instead of 5 raised the eval mean IoU from 0.41 to 0.44.
    most_views = 16
    most_head_views = most_views
    viewed_images = 1_500
    score = "mean_iou"
    score_title = "mean IoU"
    watched: Watched = "loss"
    is_trained = True
    solve = None

    def build(self, features: Mapping[Tap, Any], class_count: int, dropout: float) -> Any:
        """Applies a decoder to the maps; returns logits float32 [B, h, w, K] of the finest one."""
        maps: Mapping[int, Any] = features["maps"]
        order = sorted(maps)
        # Stride 1 is only there where the backbone is a U-Net's own, to train from scratch.
        inputs = {
            stride: keras.Input(maps[stride].shape[1:], name=f"map{stride}") for stride in order
        }
        pooled = keras.Input(features["pooled"].shape[1:], name="pooled")
        logits = decoder.decode(
            inputs, pooled, class_count, separable=order[0] > 1, dropout=dropout
        )
        layer = keras.Model([*inputs.values(), pooled], logits, name=DECODER_LAYER)
        return layer([*(maps[stride] for stride in order), features["pooled"]])

    def reapply(self, model: keras.Model, features: Mapping[Tap, Any]) -> Any:
        """See tasks.task.Head."""
        maps: Mapping[int, Any] = features["maps"]
        inputs = [*(maps[stride] for stride in sorted(maps)), features["pooled"]]
        return model.get_layer(DECODER_LAYER)(inputs)

    def copy_known(
        self, last: keras.Model, model: keras.Model, old: Sequence[str], new: Sequence[str]
    ) -> int:
        """See tasks.task.Head; the layers below the last one are copied whole."""
        there, here = (one.get_layer(DECODER_LAYER) for one in (last, model))
        for layer, source in zip(here.layers, there.layers, strict=True):
            if layer.name != decoder.LOGITS_LAYER and layer.weights:
                layer.set_weights(source.get_weights())
        layer = here.get_layer(decoder.LOGITS_LAYER)
        old_kernel, old_bias = there.get_layer(decoder.LOGITS_LAYER).get_weights()
        kernel, bias = (np.array(value) for value in layer.get_weights())
        known = [name for name in new if name in old]
        for name in known:
            source, place = old.index(name), new.index(name)
            kernel[..., place], bias[place] = old_kernel[..., source], old_bias[source]
        layer.set_weights([kernel, bias])
        return len(known)

    def loss(
        self, label_smoothing: float, class_weights: Sequence[float] = ()
    ) -> keras.losses.Loss:
        """Makes cross-entropy plus Dice; the root of a class weight counts for pixels of its class.

        Classes of pixels differ a hundredfold in size: at full weights a few pixels of a rare one would
        outweigh all others.
        """
        weights = [math.sqrt(one) for one in class_weights]
        return losses.MaskLoss(weights, label_smoothing=label_smoothing)

    def guessing_loss(self, class_count: int) -> float:
        """Returns the loss of equal probabilities: in nats, plus a Dice loss of almost 1."""
        return math.log(max(2, class_count)) + 1

    def metrics(self, _outputs: keras.KerasTensor) -> list[keras.metrics.Metric]:
        """Makes the pixel accuracy."""
        return [keras.metrics.MeanMetricWrapper(pixel_accuracy, name="pixel_accuracy")]

    def tally(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Counts pixels at the size of the outputs, int64 [K, K]."""
        return losses.confusion(targets, outputs)

    def measure(self, tally: np.ndarray) -> float:
        """Computes the mean IoU over the classes of the truth."""
        found = float(pixels.Sums.of(np.pad(tally, [(0, 0), (0, 1)])).mean_iou)
        return found if math.isfinite(found) else 0.0

    def draw(self, tally: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Draws the shares of each class's pixels by the answered class, in percent."""
        shares = 100 * tally / np.maximum(tally.sum(axis=1, keepdims=True), 1)
        return matrix_picture.titled("confusion of pixels, %", np.rint(shares).astype(int), names)


HEAD = Head()
