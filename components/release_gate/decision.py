"""Checks and what follows from them: release, refuse, or too little to tell."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import pydantic
import tensorflow as tf

from components.release_gate import config as gate_config
from data.files import read_back

FILE = "decision.json"
_WHAT = "decision of the release gate"
CLASS = "class"

Verdict = Literal["release", "inconclusive", "refuse"]
_FROM_GOOD_TO_BAD: tuple[Verdict, ...] = ("release", "inconclusive", "refuse")


@dataclass(frozen=True)
class Check:
    """What one check came to.

    Attributes:
      name: of the check, such as "recall_floor".
      verdict: what would be done if it were the only check.
      message: the reason, in words for the owner of the images, with the figures.
      figures: what was measured, as JSON allows it; under "class" the class it is about.
    """

    name: str
    verdict: Verdict
    message: str
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Decision:
    """What the checks came to together.

    Attributes:
      verdict: the worst of all checks.
      blessed: whether the model is released, by the setting for what is inconclusive too.
      checks: the worst first.
    """

    verdict: Verdict
    blessed: bool
    checks: list[Check]

    @property
    def shown_first(self) -> list[Check]:
        """The checks to show first: what is amiss, then what holds of the whole model."""
        return [
            check
            for check in self.checks
            if check.verdict != "release" or CLASS not in check.figures
        ]

    @property
    def reasons(self) -> list[str]:
        """The sentences of the checks to show first."""
        return [check.message for check in self.shown_first]

    def to_json(self) -> str:
        """The decision as text."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Decision":
        """Reads what :meth:`to_json` wrote.

        Raises:
          errors.DataError: it is none.
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
          errors.DataError: it is damaged.
        """
        return cls.from_json(read_back.text(os.path.join(uri, FILE), _WHAT, read_back.STEP_AGAIN))


def decide(checks: Sequence[Check], config: gate_config.GateConfig) -> Decision:
    """Draws the conclusion.

    Args:
      checks: at least one.
      config: what an inconclusive verdict does.
    """
    ordered = sorted(checks, key=lambda check: _FROM_GOOD_TO_BAD.index(check.verdict), reverse=True)
    verdict = ordered[0].verdict
    blessed = verdict == "release" or (
        verdict == "inconclusive" and config.inconclusive == "release"
    )
    return Decision(verdict, blessed, ordered)
