"""How far two answers of multi-label classification are apart.

Dimension letters: N images, K labels.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.multilabel import answers
from tasks.predictions import probable


class Compare(probable.Compared):
    """See ``judging.Compare``."""

    name_output = "labels"

    def names(
        self, probabilities: np.ndarray, valid: np.ndarray, contract: Mapping[str, Any]
    ) -> list[str]:
        """See ``judging.Compare``: the labels over their thresholds, as a JSON list."""
        labels, thresholds = contract["labels"], _thresholds(contract)
        return [
            answers.as_json(answers.named(row, thresholds, labels)) if readable else ""
            for row, readable in zip(probabilities, valid, strict=True)
        ]

    def agreement(
        self, first: np.ndarray, second: np.ndarray, contract: Mapping[str, Any]
    ) -> float:
        """See ``judging.Compare``: the share of images with exactly the same labels."""
        thresholds = _thresholds(contract)
        same = answers.given(first, thresholds) == answers.given(second, thresholds)
        return float(same.all(1).mean())

    def apart(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See ``judging.Compare``."""
        differences = np.abs(first - second)
        return differences.reshape(len(differences), -1).max(1)  # type: ignore[no-any-return]

    def problem(self, probabilities: np.ndarray, readable: np.ndarray) -> str | None:
        """See ``judging.Compare``: each must be in 0–1."""
        off = (
            (probabilities < 0) | (probabilities > 1) | ((probabilities != 0) & ~readable[:, None])
        )
        if not off.any():
            return None
        return (
            "invalid probabilities: each must be in 0–1, and 0 for anything that is no image; one"
            f" is {probabilities[off][0]:g}"
        )


def _thresholds(contract: Mapping[str, Any]) -> np.ndarray:
    return np.array(answers.ANSWERS.about(contract)[answers.THRESHOLDS], np.float32)


COMPARE = Compare()
