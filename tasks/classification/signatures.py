"""Outputs of a served classifier.

Dimension letters: B batch, K classes.
"""

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from tasks.facets import usual
from tasks.facets.serving import Pictures
from tasks.facets.training import Fitted


class Signatures(usual.UsualSignatures):
    """See tasks.facets.serving.Signatures."""

    display: Literal["class_bars", "label_bars"] = "class_bars"
    explains = True
    compared = "probabilities"

    def answer(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        _pictures: Pictures | None = None,
    ) -> dict[str, tf.Tensor]:
        """Makes probabilities, the most probable class and its probability."""
        probabilities = fitted.probabilities(outputs)
        probabilities = tf.where(valid[:, None], probabilities, tf.zeros_like(probabilities))
        label_ids = tf.argmax(probabilities, axis=1)
        return {
            "probabilities": probabilities,
            "label": tf.where(valid, tf.gather(tf.constant(list(labels)), label_ids), ""),
            "score": tf.reduce_max(probabilities, axis=1),
        }

    def explained(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        _class_ids: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Makes the most probable class and its probability."""
        answer = self.answer(fitted, labels, outputs, valid)
        return {name: answer[name] for name in self.explained_described()}

    def exported(self, labels: Sequence[str]) -> str:
        """Returns the shape of the probabilities."""
        return f"[B, {len(labels)}]"

    def described(self, labels: Sequence[str]) -> dict[str, str]:
        """Describes the outputs in words."""
        return {
            "probabilities": f"float32 [B, {len(labels)}], in 0–1, in the order of labels",
            **self.explained_described(),
        }

    def explained_described(self) -> dict[str, str]:
        """Describes the outputs beside the heat map in words."""
        return {
            "label": "string [B], the most probable; empty where valid is false",
            "score": "float32 [B], its probability",
        }


SIGNATURES = Signatures()
