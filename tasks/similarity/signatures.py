"""Outputs of a served search.

Dimension letters: B batch, D dimensions of a vector, k neighbours, T ranked images.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import tensorflow as tf

from tasks.facets.serving import OwnSignature, Pictures, Served
from tasks.retrieval import gallery as galleries
from tasks.retrieval import search
from tasks.similarity.calibration import Fitted

FOUND = "found"
VECTOR = galleries.VECTOR
RANKED = "ranked_label_ids"


class Signatures:
    """See tasks.facets.serving.Signatures."""

    display: Literal["class_bars", "label_bars", "mask", "boxes", "neighbours"] = "neighbours"
    explains = False
    compared = "cosines"

    def answer(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        _pictures: Pictures | None = None,
    ) -> dict[str, tf.Tensor]:
        """Finds the nearest images of the gallery."""
        vectors = fitted.probabilities(outputs)
        found = fitted.search(vectors)
        shown = valid[:, None] & (found.rows >= 0)
        names = tf.gather(
            tf.constant([*labels, ""]), tf.where(found.label_ids >= 0, found.label_ids, len(labels))
        )
        paths = tf.convert_to_tensor(fitted.variables.paths)
        paths = tf.gather(tf.concat([paths, [""]], axis=0), tf.where(shown, found.rows, 0))
        named = tf.where(shown, names, "")
        return {
            FOUND: tf.where(valid[:, None], search.packed(found), 0.0),
            "neighbours": tf.where(shown, paths, ""),
            "neighbour_labels": named,
            "cosines": tf.where(shown, found.cosines, 0.0),
            "label": named[:, 0],
            "score": tf.where(shown[:, 0], tf.maximum(found.cosines[:, 0], 0.0), 0.0),
        }

    def examined(
        self, fitted: Fitted, outputs: tf.Tensor, valid: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Makes the vector and the classes of the ranked gallery."""
        vectors = fitted.probabilities(outputs)
        found = fitted.search(vectors, fitted.ranked)
        return {
            VECTOR: tf.where(valid[:, None], vectors, 0.0),
            RANKED: tf.where(valid[:, None], found.label_ids, search.NOBODY),
        }

    def explained(
        self,
        fitted: Fitted,
        labels: Sequence[str],
        outputs: tf.Tensor,
        valid: tf.Tensor,
        _class_ids: tf.Tensor | None = None,
    ) -> dict[str, tf.Tensor]:
        """Raises, since there are no heat maps.

        Raises:
          NotImplementedError: always.
        """
        raise NotImplementedError("neighbours have no heat map")

    def exported(self, _labels: Sequence[str]) -> str:
        """Describes what exports give instead of probabilities: vectors."""
        return "[B, D], vectors of length 1, whose products are cosines; the gallery stays in the model"

    def described(self, _labels: Sequence[str]) -> dict[str, str]:
        """Describes the outputs in words."""
        return {
            FOUND: "float32 [B, 3k], the cosines, the places in the gallery and the labels' numbers of"
            " the neighbours, side by side; zeros where valid is false",
            "neighbours": "string [B, k], paths of the most similar images of the gallery, the nearest"
            " first; empty where there are fewer, or valid is false",
            "neighbour_labels": "string [B, k], their labels",
            "cosines": "float32 [B, k], how similar they are, in −1–1; 1: the same vector",
            "label": "string [B], the label of the nearest; empty where valid is false",
            "score": "float32 [B], its cosine, at least 0",
        }

    def examined_described(self) -> dict[str, str]:
        """Describes the outputs of :meth:`examined` in words."""
        return {
            VECTOR: "float32 [B, D], of length 1, by which images are compared",
            RANKED: "int32 [B, T], the labels' numbers of the nearest images of the gallery; −1 for none",
        }

    def explained_described(self) -> dict[str, str]:
        """Returns none: there are no heat maps."""
        return {}


def _search(served: Served, image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
    """Answers the signature ``search``."""
    answer = served.predict(image_bytes)
    return {
        "neighbours": answer["neighbours"],
        "labels": answer["neighbour_labels"],
        "similarity": answer["cosines"],
        "valid": answer["valid"],
        "invalid_reason": answer["invalid_reason"],
    }


def _searched(outputs: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    answer = outputs["serving_default"]
    return {
        "neighbours": answer["neighbours"],
        "labels": answer["neighbour_labels"],
        "similarity": answer["cosines"],
        "valid": answer["valid"],
        "invalid_reason": answer["invalid_reason"],
    }


SIGNATURES = Signatures()
OWN_SIGNATURES = {"search": OwnSignature(inputs={}, answer=_search, outputs=_searched)}
