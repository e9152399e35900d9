"""Which epoch of a phase is the best: by the eval loss, or by the eval score of the head."""

import math
from collections.abc import Mapping, Sequence

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
