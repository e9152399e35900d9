"""What was decided so far: the newest decision about each image, and the classes that are new by it."""

from collections.abc import Iterable, Sequence

import numpy as np

from data.corrections.decisions import Action, Decision
from pipeline.review.unlabelled import AnyImage


class Decided:
    """The decisions about images.

    Args:
      labels: the label map.
      decisions: the oldest first.

    Attributes:
      labels: the label map, and behind it the classes that decisions added.
    """

    def __init__(self, labels: Sequence[str], decisions: Iterable[Decision] = ()) -> None:
        self.labels = list(labels)
        self._newest: dict[tuple[str, frozenset[str]], Decision] = {}
        self._flags: np.ndarray | None = None
        self.add(decisions)

    def add(self, made: Iterable[Decision]) -> None:
        """Adds decisions."""
        for one in made:
            self._newest[one.sha256, frozenset(one.old)] = one
            if one.action is Action.RELABEL:
                self.labels += [name for name in one.new if name not in self.labels]
        self._flags = None

    def about(self, image: AnyImage) -> Decision | None:
        """Returns the newest decision about an image with the labels that it has now."""
        return self._newest.get((image.sha256, frozenset(image.labels)))

    def has(self, image: AnyImage, label: str) -> bool:
        """Returns whether an image has a label, or was given it."""
        made = self.about(image)
        return label in image.labels or (made is not None and label in made.new)

    def flags(self, images: Sequence[AnyImage]) -> np.ndarray:
        """Returns which images were decided about, bool [N]; ``images`` must always be the same."""
        if self._flags is None:
            self._flags = np.array([self.about(one) is not None for one in images], bool)
        return self._flags
