"""The head for many labels: logits, binary cross-entropy and mean average precision.

Dimension letters: B batch, K classes.
"""

import math
from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from tasks import linear_head

# Logits are counted in bins of equal width from −LARGEST to LARGEST; what is beyond is clipped.
LARGEST = 16.0
BINS = 640
ROW_PX, NAME_PX, BAR_PX = 20, 160, 300
# Bars of more labels would be unreadable and are not drawn.
MAX_CLASSES = 60


@keras.saving.register_keras_serializable("image_pipeline")
class SmoothedBinaryCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Binary cross-entropy from logits, the mean over labels, with smoothing and class weights.

    Keras' own has no weights for labels.

    Args:
      label_smoothing: targets are drawn towards 0.5 by this share, in 0–1.
      class_weights: K factors of the loss where an image has the label; empty: all 1.
      options: arguments of the base class.
    """

    def __init__(
        self, label_smoothing: float, class_weights: Sequence[float] = (), **options: object
    ) -> None:
        super().__init__(**options)
        self.label_smoothing = label_smoothing
        self.class_weights = list(class_weights)

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes the loss float32 [B] of targets [B, K] in 0–1 and logits [B, K]."""
        targets = tf.cast(y_true, y_pred.dtype)
        smooth = targets * (1 - self.label_smoothing) + self.label_smoothing / 2
        weights = tf.constant(self.class_weights or 1.0, y_pred.dtype)
        losses = tf.nn.weighted_cross_entropy_with_logits(smooth, y_pred, weights)
        return tf.reduce_mean(losses, axis=-1)

    def get_config(self) -> dict[str, object]:
        """Returns the config from which a saved model rebuilds the loss."""
        own = {"label_smoothing": self.label_smoothing, "class_weights": self.class_weights}
        return {**super().get_config(), **own}


class MeanAveragePrecision(keras.metrics.Metric):  # type: ignore[misc]
    """Mean average precision of training batches; of mixed targets, those of 0.5 or more count.

    Args:
      class_count: K.
      name: of the metric.
      options: arguments of the base class.
    """

    def __init__(self, class_count: int, name: str = "map", **options: object) -> None:
        super().__init__(name=name, **options)
        self._counts = self.add_weight(
            shape=(2, class_count, BINS), initializer="zeros", dtype="float32", name="counts"
        )

    def update_state(
        self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight: object = None
    ) -> None:
        """Adds a batch of targets [B, K] in 0–1 and logits [B, K]."""
        self._counts.assign_add(tf.cast(tally(y_true, y_pred), tf.float32))

    def result(self) -> tf.Tensor:
        """Returns the mean over the labels seen so far."""
        return mean_average_precision(tf.convert_to_tensor(self._counts))


def tally(targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
    """Counts logits by label and bin: int64 [2, K, BINS], first of images without the label.

    Args:
      targets: [B, K] in 0–1; of 0.5 or more, the image has the label.
      outputs: logits float [B, K].
    """
    classes = outputs.shape[-1]
    logits = tf.clip_by_value(tf.cast(outputs, tf.float32), -LARGEST, LARGEST)
    # What is no number counts as the lowest score.
    logits = tf.where(tf.math.is_nan(logits), -LARGEST, logits)
    bins = tf.minimum(tf.cast((logits + LARGEST) * (BINS / (2 * LARGEST)), tf.int32), BINS - 1)
    present = tf.cast(tf.cast(targets, tf.float32) >= 0.5, tf.int32)
    flat = (present * classes + tf.range(classes)) * BINS + bins
    flat = tf.reshape(flat, [-1])
    counts = tf.math.unsorted_segment_sum(tf.ones_like(flat), flat, 2 * classes * BINS)
    return tf.cast(tf.reshape(counts, [2, classes, BINS]), tf.int64)


def average_precisions(counts: tf.Tensor) -> tf.Tensor:
    """Computes the average precision of each label, with a threshold at each bin.

    It is the sum over thresholds of (R_n − R_{n−1}) · P_n, as scikit-learn defines it; scores
    within one bin are not told apart.

    Args:
      counts: from :func:`tally`.

    Returns:
      float32 [K] in 0–1; 0 for labels without an image.
    """
    counts = tf.cast(counts, tf.float32)
    hits = counts[1, :, ::-1]
    found = tf.cumsum(hits, axis=1)
    named = found + tf.cumsum(counts[0, :, ::-1], axis=1)
    precisions = tf.math.divide_no_nan(found, named)
    return tf.math.divide_no_nan(tf.reduce_sum(hits * precisions, axis=1), found[:, -1])


def mean_average_precision(counts: tf.Tensor) -> tf.Tensor:
    """Computes the mean of :func:`average_precisions` over labels with images; 0 without any."""
    has_images = tf.cast(tf.reduce_sum(counts[1], axis=1) > 0, tf.float32)
    total = tf.reduce_sum(average_precisions(counts) * has_images)
    return tf.math.divide_no_nan(total, tf.reduce_sum(has_images))


def draw_precisions(counts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Draws the average precision of each label as a bar, with the number of its images.

    Args:
      counts: from :func:`tally`.
      names: K labels.

    Returns:
      uint8 [H, W, 3].
    """
    image = Image.new("RGB", (NAME_PX + BAR_PX + 120, ROW_PX * max(1, len(names))), "white")
    draw = ImageDraw.Draw(image)
    values = average_precisions(tf.constant(counts)).numpy()
    for row, (name, value) in enumerate(zip(names, values, strict=True)):
        top = ROW_PX * row
        draw.text((4, top + 4), name[:24], "black")
        end = NAME_PX + round(BAR_PX * float(value))
        draw.rectangle((NAME_PX, top + 3, end, top + ROW_PX - 4), (90, 120, 220))
        said = f"{value:.2f} of {counts[1, row].sum():,} images"
        draw.text((NAME_PX + BAR_PX + 6, top + 4), said, "black")
    return np.asarray(image)


class Head(linear_head.LinearHead):
    """See tasks.facets.training.Head; the tally is that of the function."""

    score, score_title = "map", "mAP"

    def loss(
        self, label_smoothing: float, class_weights: Sequence[float] = ()
    ) -> keras.losses.Loss:
        """Makes the binary cross-entropy; a class weight counts where an image has the label."""
        return SmoothedBinaryCrossentropy(label_smoothing, class_weights)

    def guessing_loss(self, _class_count: int) -> float:
        """Returns the binary cross-entropy of the probability 0.5, in nats."""
        return math.log(2)

    def metrics(self, outputs: keras.KerasTensor) -> list[keras.metrics.Metric]:
        """Makes the mean average precision."""
        return [MeanAveragePrecision(outputs.shape[-1])]

    def tally(self, targets: tf.Tensor, outputs: tf.Tensor) -> tf.Tensor:
        """Counts logits by label and bin."""
        return tally(targets, outputs)

    def measure(self, tally: np.ndarray) -> float:
        """Computes the mean average precision over the labels that have images."""
        return float(mean_average_precision(tf.constant(tally)))

    def draw(self, tally: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Draws the average precisions of up to MAX_CLASSES labels."""
        if len(names) > MAX_CLASSES:
            return {}
        return {"average precision": draw_precisions(tally, names)}


HEAD = Head()
