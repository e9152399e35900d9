"""How the answers about a user's files are written: the part of ``judging.Answers`` for that.

Dimension letters: H W image, K classes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np


class UserFiles(Protocol):
    """Lines of tables, documents and pictures."""

    def header(self, labels: Sequence[str]) -> list[str]:
        """Returns the headers of the columns by class in a CSV file."""

    def lines(
        self,
        row: Mapping[str, Any] | None,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> list[list[Any]]:
        """Returns their cells on each line that an image has; None: an image without an answer."""

    @property
    def document(self) -> str:
        """Returns the name of the JSON format that the task has of its own; empty if it has none."""

    def documented(
        self,
        rows: Callable[[], Iterator[Mapping[str, Any]]],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Iterator[str]:
        """Yields the parts of a document of that format.

        Args:
          rows: begins to read the rows of all images with an answer.
          labels: the K classes.
          about: see :meth:`about`.
        """

    @property
    def draws(self) -> bool:
        """Returns whether answers can be drawn into their images."""

    def drawn(
        self,
        picture: np.ndarray,
        row: Mapping[str, Any],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> np.ndarray:
        """Returns the upright image uint8 [H, W, 3] with its answer drawn into it."""

    def named(self, row: Mapping[str, Any], labels: Sequence[str]) -> dict[str, Any]:
        """Returns what a line of JSON adds to ``shown``, by the names of the classes."""
