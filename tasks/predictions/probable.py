"""Answers that are probabilities of classes: their column, and how users' files show them.

Dimension letters: B batch, N images, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from tasks.predictions import plain_files

PROBABILITIES = "probabilities"
PROBABILITY_OF = "probability of "
SCORE = "score"
PREDICTED = "predicted"


class Probable(plain_files.PlainFiles):
    """The part of ``judging.Answers`` that tasks with probabilities share."""

    attached: Mapping[str, str] = {}
    answer: Mapping[str, pa.DataType] = {PROBABILITIES: pa.list_(pa.float32())}

    def columns(self, outputs: Mapping[str, np.ndarray]) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        rows = outputs[PROBABILITIES].astype(np.float32)
        offsets = pa.array(np.arange(len(rows) + 1) * rows.shape[1], pa.int32())
        return {PROBABILITIES: pa.ListArray.from_arrays(offsets, pa.array(rows.ravel()))}

    def nothing(self, labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {PROBABILITIES: [0.0] * len(labels)}

    def header(self, labels: Sequence[str]) -> list[str]:
        """See ``judging.Answers``."""
        return [f"{PROBABILITY_OF}{name}" for name in labels]

    def lines(
        self,
        row: Mapping[str, Any] | None,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> list[list[Any]]:
        """See ``judging.Answers``."""
        return [list(row[PROBABILITIES]) if row is not None else [None] * len(labels)]

    def named(self, row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {PROBABILITIES: dict(zip(labels, row[PROBABILITIES], strict=True))}


class Compared:
    """The part of ``judging.Compare`` that tasks with probabilities share."""

    output = PROBABILITIES
    setting = "parity_tolerance"
    unit = "difference of a probability"

    def width(self, contract: Mapping[str, Any]) -> int:
        """See ``judging.Compare``: K."""
        return len(contract["labels"])

    def values(self, probabilities: Any, _contract: Mapping[str, Any], _fitted: Any = None) -> Any:
        """See ``judging.Compare``: the probabilities themselves."""
        return probabilities

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """See ``judging.Compare``: the largest difference of a probability."""
        found = np.abs(first - second).max(1, initial=0.0)
        return np.where(np.isfinite(found), found, np.inf)

    def exported(
        self, answer: np.ndarray, expected: np.ndarray, contract: Mapping[str, Any]
    ) -> tuple[float, str]:
        """See ``judging.Compare``: the largest difference of a probability."""
        apart = np.abs(answer - expected)
        largest = float(apart.max(initial=0.0)) if np.isfinite(apart).all() else np.inf
        return largest, "the largest difference of a probability"


def matrix(column: pa.Array | pa.ChunkedArray, classes: int) -> np.ndarray:
    """Returns the column ``probabilities`` as float32 [N, K]."""
    flat: Any = column.flatten() if isinstance(column, pa.Array) else _joined(column).flatten()
    return flat.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, classes)


def aligned(probabilities: np.ndarray, old: Sequence[str], new: Sequence[str]) -> np.ndarray:
    """Returns float32 [N, K] by another label map; unknown classes have probability 0."""
    made = np.zeros([len(probabilities), len(new)], np.float32)
    places = {name: index for index, name in enumerate(old)}
    for column, name in enumerate(new):
        if name in places:
            made[:, column] = probabilities[:, places[name]]
    return made


def _joined(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
