"""Results of the training phases, computed from the history."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from components.trainer import history as training_history
from components.trainer.loop import phase_names
from tasks.statistics import averages


@dataclass(frozen=True)
class Phase:
    """One phase; figures are None where the history lacks them.

    Attributes:
      name: the phase's name.
      epochs: the number of its epochs.
      best: the best epoch, from 1, by what the head watches.
      loss: of the eval split after that epoch.
      score: of the eval split after that epoch, in 0–1.
      images_per_s: the median over epochs.
      is_kept: whether the final weights are this phase's.
    """

    name: str
    epochs: int
    best: int | None
    loss: float | None
    score: float | None
    images_per_s: float | None
    is_kept: bool


def phases(history: training_history.History) -> list[Phase]:
    """Returns the phases in their order."""
    return [_phase(phase_names.TITLES[key], history, key) for key in history.phases]


def notes(history: training_history.History) -> list[str]:
    """Returns sentences on the start of training and its cache."""
    started = [f"Started from {history.start}."] if history.start else []
    cached = [f"{history.cache[:1].upper()}{history.cache[1:]}."] if history.cache else []
    return started + cached


def kept_epoch(history: training_history.History) -> int | None:
    """Returns the epoch of the final weights, counted from 1 over all phases; None if unknown."""
    done = 0
    for phase in phases(history):
        if phase.is_kept and phase.best is not None:
            return done + phase.best
        done += phase.epochs
    return None


def _phase(name: str, history: training_history.History, key: str) -> Phase:
    metrics: Mapping[str, Sequence[float | None]] = history.phases[key]
    losses = [averages.known(value) for value in metrics.get("val_loss", ())]
    scores = metrics.get(f"val_{history.score}", ())
    found_best = history.best_epoch(key) if any(loss is not None for loss in losses) else None
    best = None if found_best is None else found_best + 1
    speeds = [averages.known(value) for value in metrics.get("images_per_s", ())]
    found = [speed for speed in speeds if speed is not None]
    return Phase(
        name=name,
        epochs=max(map(len, metrics.values()), default=0),
        best=best,
        loss=losses[best - 1] if best else None,
        score=scores[best - 1] if best and best <= len(scores) else None,
        images_per_s=statistics.median(found) if found else None,
        is_kept=key == history.kept,
    )
