"""The decision from the outcomes of all checks: release, refuse or inconclusive."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pydantic
import tensorflow as tf

from components.release_gate import config as gate_config
from data.files import read_back
from tasks import gate_check

FILE = "decision.json"
_WHAT = "decision of the release gate"
_FROM_GOOD_TO_BAD: tuple[gate_check.Verdict, ...] = ("release", "inconclusive", "refuse")


@dataclass(frozen=True)
class Decision:
    """The outcome of all checks together.

    Attributes:
      verdict: the worst of all checks.
      blessed: whether the model is released; the setting for inconclusive verdicts counts.
      checks: the worst first.
    """

    verdict: gate_check.Verdict
    blessed: bool
    checks: list[gate_check.Check]

    @property
    def shown_first(self) -> list[gate_check.Check]:
        """Returns the checks to show first: failed ones, then those of the whole model."""
        return [
            check
            for check in self.checks
            if check.verdict != "release" or gate_check.CLASS not in check.figures
        ]

    @property
    def reasons(self) -> list[str]:
        """Returns the sentences of the checks to show first."""
        return [check.message for check in self.shown_first]

    def to_json(self) -> str:
        """Returns the decision as JSON."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Decision":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: the text is not a decision.
        """
        make = pydantic.TypeAdapter(cls).validate_python
        return read_back.from_json(text, _WHAT, make, read_back.STEP_AGAIN)

    def write(self, uri: str) -> None:
        """Writes ``decision.json`` into a folder."""
        tf.io.gfile.makedirs(uri)
        with tf.io.gfile.GFile(os.path.join(uri, FILE), "w") as file:
            file.write(self.to_json())

    @classmethod
    def read(cls, uri: str) -> "Decision":
        """Reads what :meth:`write` wrote.

        Raises:
          errors.DataError: the file is damaged.
        """
        return cls.from_json(read_back.text(os.path.join(uri, FILE), _WHAT, read_back.STEP_AGAIN))


def decide(checks: Sequence[gate_check.Check], config: gate_config.GateConfig) -> Decision:
    """Decides by the outcomes of all checks.

    Args:
      checks: at least one.
      config: the effect of an inconclusive verdict.
    """
    ordered = sorted(checks, key=lambda check: _FROM_GOOD_TO_BAD.index(check.verdict), reverse=True)
    verdict = ordered[0].verdict
    blessed = verdict == "release" or (
        verdict == "inconclusive" and config.inconclusive == "release"
    )
    return Decision(verdict, blessed, ordered)
