"""Images that nobody has labelled: those that a model learns most from are chosen to be labelled first.

Dimension letters: U unlabelled images, M chosen ones, N labelled ones, D embedding, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from data.examples import catalog
from pipeline.review import design, out_of_sample, queues


class Record(NamedTuple):
    """An image that is in no data set: what a review needs of :class:`data.examples.catalog.Image`."""

    path: str
    sha256: str
    labels: tuple[str, ...] = ()
    split: str = ""


AnyImage = catalog.Image | Record


@dataclass(frozen=True)
class Unlabelled:
    """Images that nobody has labelled yet, those to label first.

    Attributes:
      root: the folder.
      images: a record each, with paths relative to the folder.
      probabilities: float [M, K], the answers about them.
      scores: float [M], how uncertain these are.
    """

    root: str
    images: Sequence[Record]
    probabilities: np.ndarray
    scores: np.ndarray


def choose(
    found: queues.Images,
    embeddings: np.ndarray,
    count: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chooses the images to label next.

    Args:
      found: the labelled images, with embeddings.
      embeddings: float [U, D] of the unlabelled ones.
      count: how many to choose.

    Returns:
      int [M] the chosen ones, the first to label first; float [M, K] the answers about them; float
      [M] how uncertain these are.
    """
    assert found.embeddings is not None and found.answers is not None  # noqa: S101  the caller checked
    head = out_of_sample.fit(found.embeddings, found.presence, found.one, found.answers)
    probabilities = head.probabilities(embeddings)
    chosen = design.choose(embeddings, probabilities, found.embeddings, count)
    return chosen, probabilities[chosen], design.uncertainty(probabilities)[chosen]
