"""Compares exports whose answers are probabilities, number by number."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np


class PlainExports:
    """The part of ``judging.Compare`` that tasks with probabilities share."""

    def exported(
        self, answer: np.ndarray, expected: np.ndarray, contract: Mapping[str, Any]
    ) -> tuple[float, str]:
        """See ``judging.Compare``: the largest difference of a probability."""
        apart = np.abs(answer - expected)
        largest = float(apart.max(initial=0.0)) if np.isfinite(apart).all() else math.inf
        return largest, f"no probability differs by more than {largest:.2g}"
