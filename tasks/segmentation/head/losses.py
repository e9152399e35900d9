"""The training loss of masks: cross-entropy plus Dice, without void.

Dimension letters: B batch, S side of the mask, h w map of logits, K classes.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from data.masks import VOID


@keras.saving.register_keras_serializable("image_pipeline")
class MaskLoss(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy of pixels plus the Dice loss of an image.

    Cross-entropy alone neglects classes of few pixels; Dice counts each class of an image the same.
    Sources: Milletari et al., "V-Net", 2016, https://arxiv.org/abs/1606.04797, section 3; the sum of both
    as in Isensee et al., "nnU-Net", 2018, https://arxiv.org/abs/1809.10486, section 2.3.

    Args:
      class_weights: K factors of a pixel's cross-entropy by its true class; empty: all 1.
      dice_weight: factor of the Dice loss.
      label_smoothing: share of a target that is spread over all classes, in 0–1.
      options: arguments of the base class.
    """

    def __init__(
        self,
        class_weights: Sequence[float] = (),
        dice_weight: float = 1.0,
        label_smoothing: float = 0.0,
        **options: object,
    ) -> None:
        super().__init__(**options)
        self.class_weights = list(class_weights)
        self.dice_weight = dice_weight
        self.label_smoothing = label_smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Computes the loss float32 [B]; 0 for an image of void alone.

        Args:
          y_true: uint8 [B, S, S], class numbers and 255 for void.
          y_pred: logits [B, h, w, K]; the mask is sampled at the centre of each of its pixels.
        """
        classes = y_pred.shape[-1]
        masks = sampled(y_true, y_pred.shape[1:3])
        known = tf.cast(masks < classes, tf.float32)
        targets = tf.one_hot(tf.cast(masks, tf.int32), classes)  # zeros where void
        # Of float32, whatever the precision of the rest.
        logs = tf.nn.log_softmax(tf.cast(y_pred, tf.float32))
        smooth = self.label_smoothing
        wanted = targets * (1 - smooth) + smooth / classes * known[..., None]
        entropy = -tf.reduce_sum(wanted * logs, axis=-1)
        weights = known
        if self.class_weights:
            weights = tf.linalg.matvec(targets, tf.constant(self.class_weights, tf.float32))
        axes = [1, 2]
        total = tf.reduce_sum(known, axes)
        entropy = tf.math.divide_no_nan(tf.reduce_sum(entropy * weights, axes), total)
        if not self.dice_weight:
            return entropy
        return entropy + self.dice_weight * dice_loss(targets, tf.exp(logs), known)

    def get_config(self) -> dict[str, object]:
        """Returns the config from which a saved model rebuilds the loss."""
        own = {
            "class_weights": self.class_weights,
            "dice_weight": self.dice_weight,
            "label_smoothing": self.label_smoothing,
        }
        return {**super().get_config(), **own}


def dice_loss(targets: tf.Tensor, probabilities: tf.Tensor, known: tf.Tensor) -> tf.Tensor:
    """Computes 1 minus the mean Dice over the classes of an image, float32 [B] in 0–1.

    Args:
      targets: float32 [B, h, w, K], one-hot; zeros where void.
      probabilities: float32 [B, h, w, K].
      known: float32 [B, h, w], 0 where void, else 1.
    """
    axes = [1, 2]
    both = tf.reduce_sum(targets * probabilities, axes)
    true = tf.reduce_sum(targets, axes)
    told = tf.reduce_sum(probabilities * known[..., None], axes)
    present = tf.cast(true > 0, tf.float32)
    dice = 2 * both / tf.maximum(true + told, 1e-6)
    count = tf.reduce_sum(present, axis=-1)
    mean = tf.math.divide_no_nan(tf.reduce_sum(dice * present, axis=-1), count)
    return tf.where(count > 0, 1 - mean, 0.0)


def sampled(masks: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    """Samples masks [B, S, S] at the centres of h × w equal cells, [B, h, w]; invents no value."""
    rows, columns = (
        (2 * tf.range(new) + 1) * old // (2 * new)
        for new, old in zip(size, masks.shape[1:3], strict=True)
    )
    return tf.gather(tf.gather(masks, rows, axis=1), columns, axis=2)


def confusion(masks: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Counts the pixels of a batch by true and answered class at the size of the logits.

    Args:
      masks: uint8 [B, S, S].
      logits: [B, h, w, K].

    Returns:
      int64 [K, K]; rows are true classes; void is left out.
    """
    classes = logits.shape[-1]
    truth = tf.reshape(sampled(masks, logits.shape[1:3]), [-1])
    told = tf.reshape(tf.argmax(logits, axis=-1), [-1])
    known = truth != VOID
    return tf.math.confusion_matrix(
        tf.boolean_mask(truth, known), tf.boolean_mask(told, known), classes, dtype=tf.int64
    )
