"""History of a training, written beside the model and read for the run's table."""

import json
from dataclasses import asdict, dataclass, field

import pydantic

from components.trainer import ranking
from components.trainer.loop import phase_names
from data.files import read_back
from tasks.facets.training import Watched

FILE = "history.json"


@dataclass
class History:
    """Metrics of all phases.

    Attributes:
      phases: phase name → metric name → value after each epoch.
      kept: the phase that the final weights come from.
      cache: the number of cached views and the reason, as a sentence.
      start: the weights that training started from and the reason, as a sentence.
      score: the name of the score of a split, in 0–1, higher is better: of the training split as a
        metric, and of the eval split behind ``val_``.
      score_title: the same in words.
      watched: what decides which epoch is the best, the eval loss or the eval score.
      epochs: phase name → index of the epoch whose weights it kept: the best one, or the last if that is as
        good but for noise; without an entry the best one.
    """

    phases: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    kept: phase_names.PhaseName = "head"
    cache: str = ""
    start: str = ""
    score: str = "accuracy"
    score_title: str = "accuracy"
    watched: Watched = "loss"
    epochs: dict[str, int] = field(default_factory=dict)

    def best_rank(self, phase: str) -> ranking.Rank:
        """Returns by what the best epoch of a phase is compared with that of another one."""
        return max(ranking.ranks(self.phases[phase], self.score, self.watched))

    def best_loss(self, phase: str) -> float:
        """Returns the eval loss after a phase's best epoch.

        Raises:
          ValueError: the phase has no epoch.
        """
        return self._at_best("val_loss", phase)

    def best_epoch(self, phase: str) -> int | None:
        """Returns the index of the epoch that a phase kept; None without any."""
        if self.epochs.get(phase, -1) in range(len(self.phases[phase].get("val_loss", ()))):
            return self.epochs[phase]
        return ranking.best(self.phases[phase], self.score, self.watched)

    def best_score(self, phase: str | None = None) -> float:
        """Returns the eval score, in 0–1, after a phase's best epoch; default: the kept one's.

        Raises:
          ValueError: the phase has no epoch.
        """
        return self._at_best(f"val_{self.score}", phase or self.kept)

    def _at_best(self, metric: str, phase: str) -> float:
        best = self.best_epoch(phase)
        if best is None:
            raise ValueError(f"phase {phase} has no epoch")
        return self.phases[phase][metric][best]

    def to_json(self) -> str:
        """Returns the JSON that is written into the artifact."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: the text is not a history.
        """
        make = pydantic.TypeAdapter(cls).validate_python
        return read_back.from_json(text, FILE + " of a training", make, read_back.STEP_AGAIN)
