"""A model as a product, as a report shows it: what it costs, and whether what is shipped is right.

Rates and probabilities are in 0–1; None is what was not measured.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class BudgetLine:
    """One limit: what was measured, in ``unit``, and what is allowed; None: no limit is set."""

    name: str
    value: float | None
    limit: float | None
    unit: str
    is_within: bool
    message: str = ""


@dataclass(frozen=True)
class ParityStage:
    """A way to ask the model, and how far it is from the training graph at most, in 0–1."""

    name: str
    largest_difference: float | None
    is_equal: bool


@dataclass(frozen=True)
class Parity:
    """Whether what is served is what was trained.

    Attributes:
      images: the golden images asked about.
      tolerance: the largest difference allowed.
      stages: all but the training graph.
      notes: what differs and which stages were left out, a sentence each.
    """

    images: int
    tolerance: float
    stages: tuple[ParityStage, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Export:
    """A file for another runtime against the training graph, see the gate's export parity."""

    format: str
    file: str
    size_bytes: int
    largest_difference: float | None
    agreement: float | None
    is_within: bool
    message: str
