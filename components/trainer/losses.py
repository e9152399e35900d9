"""The training loss. Dimension letters: B batch, K classes."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("image_pipeline")
class SmoothedCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy from label ids and logits, with label smoothing.

    Keras' sparse loss has no smoothing, its categorical one takes no label ids.
    Source: Szegedy et al., 2015, https://arxiv.org/abs/1512.00567, section 7.
    """

    def __init__(self, label_smoothing: float, **options: object) -> None:
        super().__init__(**options)
        self.label_smoothing = label_smoothing

    def call(self, y_true: tf.Tensor, y_pred: tf.Tensor) -> tf.Tensor:
        """Loss float32 [B] of label ids [B] or [B, 1] and logits [B, K]."""
        label_ids = keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32")
        targets = keras.ops.one_hot(label_ids, y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(
            targets, y_pred, from_logits=True, label_smoothing=self.label_smoothing
        )

    def get_config(self) -> dict[str, object]:
        """What a saved model needs to build the loss again."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
