"""The outcome of one check of the release gate, whoever makes it."""

from dataclasses import dataclass, field
from typing import Any, Literal

CLASS = "class"

Verdict = Literal["release", "inconclusive", "refuse"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
      name: the check's name, such as "recall_floor".
      verdict: the decision if this were the only check.
      message: the reason with its figures, in words for the owner of the images.
      figures: the measured values as JSON allows; "class" names the class that was checked.
    """

    name: str
    verdict: Verdict
    message: str
    figures: dict[str, Any] = field(default_factory=dict)
