"""Outputs of a served model of many labels.

Dimension letters: B batch, K classes.
"""

import json
from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from tasks.facets import usual
from tasks.facets.serving import OwnSignature, Pictures, Served
from tasks.multilabel.calibration import Fitted

_SEPARATOR = ", "


class Signatures(usual.UsualSignatures):
    """See tasks.facets.serving.Signatures."""

    display: Literal["class_bars", "label_bars"] = "label_bars"
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
        """Makes probabilities, and the labels that reach their thresholds."""
        probabilities = fitted.probabilities(outputs)
        probabilities = tf.where(valid[:, None], probabilities, tf.zeros_like(probabilities))
        present = probabilities >= tf.constant(fitted.thresholds, tf.float32)
        listed = json_lists(probabilities, present, labels)
        return {"probabilities": probabilities, "labels": tf.where(valid, listed, "")}

    def explained(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        class_ids: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Makes the explained label and its probability."""
        if class_ids is None:
            class_ids = tf.argmax(outputs, axis=1)
        scores = tf.gather(fitted.probabilities(outputs), class_ids, axis=1, batch_dims=1)
        names = tf.gather(tf.constant(list(labels)), class_ids)
        return {"label": tf.where(valid, names, ""), "score": tf.where(valid, scores, 0.0)}

    def exported(self, labels: Sequence[str]) -> str:
        """Returns the shape of the probabilities."""
        return f"[B, {len(labels)}]"

    def described(self, labels: Sequence[str]) -> dict[str, str]:
        """Describes the outputs in words."""
        return {
            "probabilities": f"float32 [B, {len(labels)}], in 0–1, in the order of labels; each is"
            " independent of the others",
            "labels": "string [B], a JSON list of the labels whose probability reaches its"
            " threshold in thresholds, the most probable first; [] for none; empty where valid is"
            " false",
        }

    def explained_described(self) -> dict[str, str]:
        """Describes the outputs beside the heat map in words."""
        return {
            "label": "string [B], the explained one: the most probable, or the one asked for; empty"
            " where valid is false",
            "score": "float32 [B], its probability",
        }


def json_lists(probabilities: tf.Tensor, present: tf.Tensor, labels: Sequence[str]) -> tf.Tensor:
    """Writes the labels of each image as a JSON list, inside a graph.

    Args:
      probabilities: float32 [B, K]; they give the order, highest first.
      present: bool [B, K], which labels are in the list.
      labels: the K names.

    Returns:
      string [B].
    """
    quoted = tf.constant([_SEPARATOR + json.dumps(name, ensure_ascii=False) for name in labels])
    order = tf.argsort(probabilities, axis=1, direction="DESCENDING", stable=True)
    chosen = tf.gather(present, order, axis=1, batch_dims=1)
    joined = tf.strings.reduce_join(tf.where(chosen, tf.gather(quoted, order), ""), axis=1)
    return "[" + tf.strings.regex_replace(joined, f"^{_SEPARATOR}", "") + "]"


def _explain_label(served: Served, encoded: tf.Tensor, label: tf.Tensor) -> dict[str, tf.Tensor]:
    """Explains the label that the caller names, for each image."""
    found = label[:, None] == tf.constant(list(served.labels))
    place = tf.argmax(tf.cast(found, tf.int32), axis=1)
    class_ids = tf.where(tf.reduce_any(found, axis=1), place, tf.constant(-1, tf.int64))
    return served.explain(encoded, class_ids)


SIGNATURES = Signatures()
OWN_SIGNATURES = {
    "explain_label": OwnSignature(
        inputs={
            "label": "string [B], the names to explain; where one is not in labels, heatmap and"
            " score are zeros and label is empty"
        },
        answer=_explain_label,
        outputs=lambda common: common["explain"],
    )
}
