"""How far two answers of classification are apart. Dimension letters: N images, K classes."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.predictions import probable

_TOLERANCE = 1e-3  # of a sum of probabilities


class Compare(probable.Compared):
    """See ``judging.Compare``."""

    name_output = "label"

    def names(
        self, probabilities: np.ndarray, valid: np.ndarray, contract: Mapping[str, Any]
    ) -> list[str]:
        """See ``judging.Compare``: the most probable class."""
        labels = contract["labels"]
        return [
            labels[int(row.argmax())] if readable else ""
            for row, readable in zip(probabilities, valid, strict=True)
        ]

    def agreement(
        self, first: np.ndarray, second: np.ndarray, contract: Mapping[str, Any]
    ) -> float:
        """See ``judging.Compare``: the share of images with the same most probable class."""
        return float((first.argmax(1) == second.argmax(1)).mean())

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See ``judging.Compare``."""
        differences = np.abs(first - second)
        return differences.reshape(len(differences), -1).max(1)  # type: ignore[no-any-return]

    def problem(self, probabilities: np.ndarray, readable: np.ndarray) -> str | None:
        """See ``judging.Compare``: they must add up to 1."""
        sums = probabilities.sum(axis=1, dtype=np.float64)
        off = np.abs(sums - readable) > _TOLERANCE
        if not off.any() and probabilities.min() >= 0:
            return None
        shown = sums[off][0] if off.any() else probabilities.min()
        return (
            "invalid probabilities: each must be 0 or more, and they must add up to 1 for an image"
            f" and to 0 for anything else; one is {shown:g}"
        )


COMPARE = Compare()
