"""How users' files show answers that lie in no place of the image: one line each, nothing drawn."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np


class PlainFiles:
    """The part of ``judging.Answers`` that tasks without boxes share."""

    document = ""
    draws = False

    def documented(
        self,
        rows: Callable[[], Iterator[Mapping[str, Any]]],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Iterator[str]:
        """See ``judging.Answers``.

        Raises:
          NotImplementedError: always: there is no such format.
        """
        raise NotImplementedError("the task has no JSON format of its own")

    def drawn(
        self,
        picture: np.ndarray,
        row: Mapping[str, Any],
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> np.ndarray:
        """See ``judging.Answers``.

        Raises:
          NotImplementedError: always: the answer is about the whole image.
        """
        raise NotImplementedError("the answers of the task are not drawn")
