"""What a model was made of, as a report shows it: data, training, layers, lineage.

Names and paths may hold anything that a file system allows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Training:
    """What training did; as components/trainer/history.py has it.

    Attributes:
      phases: phase name → metric name → its value after each epoch.
      kept: the phase that the final weights come from.
      notes: what else is to be said, a sentence each.
    """

    phases: Mapping[str, Mapping[str, Sequence[float | None]]]
    kept: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a check of the images found; ``severity`` is "block", "quarantine" or "warn"."""

    severity: str
    message: str
    count: int


@dataclass(frozen=True)
class Reason:
    """Why images are in quarantine: the reason's name, how many, and what it means."""

    name: str
    count: int
    meaning: str = ""


@dataclass(frozen=True)
class Data:
    """What the model was made of.

    Attributes:
      examples: split → class name → images.
      findings: of the checks.
      quarantine: why files were left out.
      page: a relative link to the page with all findings; empty where there is none.
    """

    examples: Mapping[str, Mapping[str, int]]
    findings: tuple[Finding, ...] = ()
    quarantine: tuple[Reason, ...] = ()
    page: str = ""


@dataclass(frozen=True)
class Layer:
    """One layer; the fields are those of components/trainer/architecture.py's Row."""

    name: str
    kind: str
    kernel: int | None
    stride: int | None
    padding_px: int | None
    output_px: int
    output_channels: int
    parameters: int
    multiply_adds: int
    receptive_field_px: int
    full_multiply_adds: int | None = None
    saving: float | None = None


@dataclass(frozen=True)
class Lineage:
    """What the run can be repeated from.

    Attributes:
      groups: (group name, its (name, value) rows): data, code, packages, seeds, times.
      config: the resolved configuration, YAML.
    """

    groups: tuple[tuple[str, Pairs], ...] = ()
    config: str = ""
