"""What training did, as it is written beside the model and read for the run's table."""

import json
from dataclasses import asdict, dataclass, field

import pydantic

from components.trainer.loop import phase_names
from data.files import read_back

FILE = "history.json"


@dataclass
class History:
    """The metrics of all phases.

    Attributes:
      phases: phase name → metric name → its value after each epoch.
      kept: the phase that the final weights come from.
      cache: how many views are cached, and why.
      start: what training started from, and why.
    """

    phases: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    kept: phase_names.PhaseName = "head"
    cache: str = ""
    start: str = ""

    def best_loss(self, phase: str) -> float:
        """The lowest loss on the eval split in a phase."""
        return min(self.phases[phase]["val_loss"])

    def best_accuracy(self, phase: str | None = None) -> float:
        """The accuracy on the eval split, in 0–1, at a phase's lowest loss; of the kept phase."""
        metrics = self.phases[phase or self.kept]
        return metrics["val_accuracy"][metrics["val_loss"].index(min(metrics["val_loss"]))]

    def to_json(self) -> str:
        """As written into the artifact."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "History":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: it is none.
        """
        make = pydantic.TypeAdapter(cls).validate_python
        return read_back.from_json(text, FILE + " of a training", make, read_back.STEP_AGAIN)
