"""How far two searches are apart: by the cosines of what they find.

Dimension letters: N images, D dimensions of a vector, k neighbours.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tasks.retrieval import search
from tasks.similarity import calibration, signatures

_ROUNDING = 1e-5


class Compare:
    """See ``judging.Compare``; what is compared is the output ``found`` [N, 3k].

    Where two images of the gallery are equally near, either may come first, so places and labels do
    not count; their cosines do.
    """

    output = signatures.FOUND
    name_output = "label"
    setting = "max_cosine_difference"
    unit = "difference of a cosine"

    def width(self, contract: Mapping[str, Any]) -> int:
        """See ``judging.Compare``."""
        return 3 * int(contract["neighbours"])

    def values(
        self, probabilities: Any, _contract: Mapping[str, Any], fitted: calibration.Fitted
    ) -> Any:
        """See ``judging.Compare``: searches for vectors [N, D]."""
        return search.packed(fitted.search(probabilities)).numpy()

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See ``judging.Compare``: the largest difference of a cosine."""
        cosines = first.shape[1] // 3
        found = np.abs(first - second)[:, :cosines].max(1, initial=0.0)
        return np.where(np.isfinite(found), found, np.inf)

    def names(
        self, values: np.ndarray, valid: np.ndarray, contract: Mapping[str, Any]
    ) -> list[str]:
        """See ``judging.Compare``: the label of the nearest image."""
        labels, first = contract["labels"], 2 * (values.shape[1] // 3)
        return [
            labels[int(row[first])] if readable and row[first] >= 0 else ""
            for row, readable in zip(values, valid, strict=True)
        ]

    def agreement(
        self, first: np.ndarray, second: np.ndarray, contract: Mapping[str, Any]
    ) -> float:
        """See ``judging.Compare``: the share of images with the same nearest other one, of vectors [N, D]."""
        if len(first) < 2:
            return 1.0
        nearest = []
        for vectors in (first, second):
            cosines = vectors @ vectors.T
            np.fill_diagonal(cosines, -np.inf)
            nearest.append(cosines.argmax(axis=1))
        return float((nearest[0] == nearest[1]).mean())

    def exported(
        self, answer: np.ndarray, expected: np.ndarray, contract: Mapping[str, Any]
    ) -> tuple[float, str]:
        """See ``judging.Compare``: the largest 1 − cosine of two vectors of one image."""
        if not (np.isfinite(answer).all() and np.isfinite(expected).all()):
            return np.inf, "vectors are not finite"
        apart = 1 - (answer.astype(np.float64) * expected).sum(axis=1)
        return float(max(0.0, apart.max(initial=0.0))), "the largest cosine distance of a vector"

    def problem(self, values: np.ndarray, readable: np.ndarray) -> str | None:
        """See ``judging.Compare``."""
        cosines = values[:, : values.shape[1] // 3]
        if values[~readable].any():
            return "neighbours of what is no image"
        if np.abs(cosines).max(initial=0.0) > 1 + _ROUNDING:
            return "invalid cosines: they must be in −1–1"
        if (np.diff(cosines, axis=1) > _ROUNDING).any():
            return "neighbours that are not sorted by falling cosine"
        return None


COMPARE = Compare()
