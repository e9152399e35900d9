"""History of a training, written beside the model and read for the run's table."""

import json
from dataclasses import asdict, dataclass, field

import pydantic

from components.trainer.loop import phase_names
from data.files import read_back

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
    """

    phases: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    kept: phase_names.PhaseName = "head"
    cache: str = ""
    start: str = ""
    score: str = "accuracy"
    score_title: str = "accuracy"

    def best_loss(self, phase: str) -> float:
        """Returns the lowest loss on the eval split in a phase."""
        return min(self.phases[phase]["val_loss"])

    def best_score(self, phase: str | None = None) -> float:
        """Returns the eval score, in 0–1, at a phase's lowest loss; default: the kept one's."""
        metrics = self.phases[phase or self.kept]
        return metrics[f"val_{self.score}"][metrics["val_loss"].index(min(metrics["val_loss"]))]

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
