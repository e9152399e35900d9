"""How far two masks of the same image are apart: the share of pixels that differ.

Dimension letters: N images, S side in pixels, K classes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf


class Compare:
    """See ``judging.Compare``; what is compared are class numbers [N, S · S]."""

    output = "class_ids"
    name_output = "label"
    setting = "max_differing_pixels"
    unit = "share of differing pixels"

    def width(self, contract: Mapping[str, Any]) -> int:
        """See ``judging.Compare``: S · S."""
        return int(contract["image_size_px"]) ** 2

    def values(
        self, probabilities: tf.Tensor, contract: Mapping[str, Any], _fitted: Any = None
    ) -> tf.Tensor:
        """See ``judging.Compare``: the most probable class at each pixel of the square."""
        side = int(contract["image_size_px"])
        classes = tf.argmax(tf.image.resize(probabilities, [side, side]), axis=-1)
        return tf.reshape(tf.cast(classes, tf.float32), [-1, side * side])

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See ``judging.Compare``: the share of pixels that differ."""
        return (first != second).mean(axis=1)  # type: ignore[no-any-return]

    def names(
        self, values: np.ndarray, valid: np.ndarray, contract: Mapping[str, Any]
    ) -> list[str]:
        """See ``judging.Compare``: the class with the most pixels."""
        labels = contract["labels"]
        return [
            labels[int(np.bincount(row.astype(int), minlength=len(labels)).argmax())]
            if readable
            else ""
            for row, readable in zip(values, valid, strict=True)
        ]

    def agreement(
        self, first: np.ndarray, second: np.ndarray, contract: Mapping[str, Any]
    ) -> float:
        """See ``judging.Compare``: the share of pixels with the same class, of [N, h, w, K]."""
        return float((first.argmax(-1) == second.argmax(-1)).mean())

    def exported(
        self, answer: np.ndarray, expected: np.ndarray, contract: Mapping[str, Any]
    ) -> tuple[float, str]:
        """See ``judging.Compare``: the mean over an image's pixels, of the image that differs most.

        At edges a few pixels differ in any export.
        """
        apart = np.abs(answer - expected).max(-1).mean((1, 2))
        largest = float(apart.max(initial=0.0)) if np.isfinite(apart).all() else np.inf
        return (
            largest,
            "the largest difference of an image's probabilities, in the mean over its pixels",
        )

    def problem(self, values: np.ndarray, readable: np.ndarray) -> str | None:
        """See ``judging.Compare``: whole numbers from 0, and 0 where there is no image."""
        whole = (values >= 0) & (values == np.rint(values)) & (values <= 255)
        if whole.all() and not values[~readable].any():
            return None
        shown = values[~whole][0] if not whole.all() else values[~readable].max()
        return f"invalid class numbers: whole numbers from 0 are needed; one is {shown:g}"


COMPARE = Compare()
