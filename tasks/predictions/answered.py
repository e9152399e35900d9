"""A model's answers about the images of one split, held in memory; tasks add their own columns.

Dimension letters: N images, K classes.
"""

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import Self

from data.examples import example
from data.graph import decoding
from tasks.predictions import schema

COLUMNS = (schema.PATH, schema.SPAN, schema.VALID, schema.OUTLIER_SCORE)


class Square(NamedTuple):
    """How images become what a model sees: the side in px, and a mode of ``data.graph.decoding.resize``."""

    size_px: int
    resize: decoding.ResizeMode


@dataclass(frozen=True)
class Answered(ABC):
    """A model's answers, in the order of the records.

    Attributes:
      labels: the K class names of the model.
      paths: N file names, as image/filename has them.
      valid: bool [N], whether the model could read the image.
      outlier_scores: float32 [N], higher for what is less like the training images; zeros where
        the model has no such output.
      spans: int64 [N], the number of each image's span; NO_SPAN where there are none, and None
        where they were not requested.
    """

    labels: list[str]
    paths: list[str]
    valid: np.ndarray
    outlier_scores: np.ndarray
    spans: np.ndarray | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def targets(self) -> np.ndarray:
        """Returns what is true of each image, [N, ...], as ``metric.Tally`` takes it."""

    @property
    @abstractmethod
    def answers(self) -> np.ndarray:
        """Returns what the model answered, float [N, ...], as ``metric.Tally`` takes it."""

    @abstractmethod
    def answers_of(
        self, probabilities: np.ndarray, places: np.ndarray, square: Square
    ) -> np.ndarray:
        """Turns probabilities of this model, float32 [B, …], into rows of :attr:`answers`.

        Args:
          probabilities: as ``Fitted.probabilities`` makes them.
          places: int64 [B], which of the N images was answered about, perhaps changed.
          square: how the model saw the images.
        """

    @property
    @abstractmethod
    def right(self) -> np.ndarray:
        """Returns true where the whole answer about an image is right, bool [N]."""

    @property
    @abstractmethod
    def support(self) -> np.ndarray:
        """Returns the number of images that each class has, int64 [K or more]."""

    @property
    @abstractmethod
    def groups(self) -> np.ndarray:
        """Returns a number for each image, int64 [N]; a sample takes from each group in turn."""

    @property
    @abstractmethod
    def mean_score(self) -> float | None:
        """Returns how sure the model is, in 0–1: a mean over the valid images; None without any."""

    @abstractmethod
    def aligned(self, labels: Sequence[str]) -> Self:
        """Returns the answers by another label map; classes that the model lacks are never answered.

        Args:
          labels: the class names that the annotations number.
        """

    def relabelled(self, labels: Mapping[str, Sequence[str]]) -> Self | None:
        """Returns the same answers about images with other true labels.

        Args:
          labels: path → the names of its labels, of some images.

        Returns:
          None where images as a whole have no labels, or a name is not one of :attr:`labels`.
        """
        return None

    def _order(self) -> list[int]:
        return sorted(range(len(self.paths)), key=lambda place: (self.paths[place], place))

    def paired(self, other: Self) -> tuple[Self, Self] | None:
        """Returns both answers in one order of the images; None where images or targets differ."""
        first, second = self.taken(self._order()), other.taken(other._order())
        if first.paths != second.paths or not np.array_equal(first.targets, second.targets):
            return None
        return first, second

    def taken(self, places: Sequence[int]) -> Self:
        """Returns the answers about some images, by their places and in that order."""
        values: dict[str, Any] = {}
        for one in dataclasses.fields(self):
            value = getattr(self, one.name)
            if one.name == "paths":
                values[one.name] = [value[place] for place in places]
            elif isinstance(value, np.ndarray) and one.name not in self._of_model():
                values[one.name] = value[np.asarray(places, np.int64)]
        return dataclasses.replace(self, **values)

    def _of_model(self) -> frozenset[str]:
        """Returns the names of the arrays that do not belong to single images."""
        return frozenset()


def common(table: pa.Table, labels: Sequence[str]) -> Mapping[str, Any]:
    """Returns the attributes of :class:`Answered` from the columns of COLUMNS."""
    return {
        "labels": list(labels),
        "paths": schema.texts(table[schema.PATH]),
        "spans": pc.fill_null(table[schema.SPAN], example.NO_SPAN).to_numpy(),
        **by_model(table, labels),
    }


def by_model(table: pa.Table, labels: Sequence[str]) -> Mapping[str, Any]:
    """Returns the attributes that another model's answers about the same images replace."""
    return {
        "labels": list(labels),
        "valid": table[schema.VALID].to_numpy(),
        "outlier_scores": pc.fill_null(table[schema.OUTLIER_SCORE], 0.0).to_numpy(),
    }
