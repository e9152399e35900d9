"""Which epoch of a phase is the best: by the eval loss, or by the eval score of the head.

Dimension letters: N images of the eval split.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from tasks.facets.training import Watched

Rank = tuple[float, ...]


def rank(loss: float | None, score: float | None, watched: Watched) -> Rank:
    """Returns what to compare epochs by: the higher, the better.

    Args:
      loss: on the eval split; None or not finite: worse than any other.
      score: of the eval split, higher is better; of equal scores the lower loss decides.
      watched: what decides.
    """
    risen = -loss if loss is not None and math.isfinite(loss) else -math.inf
    if watched == "loss":
        return (risen,)
    return (score if score is not None and math.isfinite(score) else -math.inf, risen)


def ranks(
    metrics: Mapping[str, Sequence[float | None]], score: str, watched: Watched
) -> list[Rank]:
    """Returns the rank of each epoch of a phase, by its metrics in the history."""
    losses = metrics.get("val_loss", ())
    scores = [*metrics.get(f"val_{score}", ()), *[None] * len(losses)]
    return [rank(loss, one, watched) for loss, one in zip(losses, scores, strict=False)]


def best(metrics: Mapping[str, Sequence[float | None]], score: str, watched: Watched) -> int | None:
    """Returns the index of the best epoch of a phase, the first of equals; None without any."""
    found = ranks(metrics, score, watched)
    return found.index(max(found)) if found else None


def is_within_noise(losses: np.ndarray, least: np.ndarray) -> bool:
    """Returns whether a mean loss exceeds the least one by no more than the standard error of the difference.

    On few images the least of several epochs is one of chance.
    Source: the one-standard-error rule, Hastie, Tibshirani & Friedman, The Elements of Statistical Learning,
    section 7.10, here with the error of paired differences.

    Args:
      losses: float [N], of the same images as ``least``.
      least: float [N], those of the epoch with the least mean.
    """
    more = np.asarray(losses, np.float64) - least
    if len(more) < 2 or not np.isfinite(more).all():
        return False
    return bool(more.mean() <= more.std(ddof=1) / math.sqrt(len(more)))
