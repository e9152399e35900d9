"""What a model may cost: its size, the time of a request and its memory, held against limits."""

import math
from dataclasses import dataclass

from components.release_gate.parity import probe


@dataclass(frozen=True)
class Line:
    """One limit and what was found.

    Attributes:
      name: of what is limited.
      value: what was measured, in ``unit``; NaN where it could not be.
      limit: what is allowed; None: anything.
      unit: of both.
      ok: whether it is within the limit; true where there is none.
      sentence: the same in words.
      figures: name → number.
    """

    name: str
    value: float
    limit: float | None
    unit: str
    ok: bool
    sentence: str
    figures: dict[str, float]


def check(
    measured: probe.Measured,
    max_model_mib: float | None = None,
    max_latency_ms: float | None = None,
    max_memory_mib: float | None = None,
) -> list[Line]:
    """Holds what was measured against limits; without a limit the figures are still given.

    Args:
      measured: of the candidate.
      max_model_mib: for the SavedModel's files, in MiB.
      max_latency_ms: for the 99th percentile of single requests, in milliseconds.
      max_memory_mib: for the process's peak resident memory, TensorFlow included, in MiB.
    """
    size = _line(
        "size",
        f"The SavedModel takes {measured.model_mib:.1f} MiB on disk",
        measured.model_mib,
        max_model_mib,
        "MiB",
        {"model_mib": measured.model_mib, "load_s": measured.load_s},
    )
    latency = _line(
        "latency",
        f"99% of {measured.requests} requests of one image took at most {measured.p99_ms:.1f} ms"
        f" (the median: {measured.p50_ms:.1f} ms)",
        measured.p99_ms,
        max_latency_ms,
        "ms",
        {"p50_ms": measured.p50_ms, "p99_ms": measured.p99_ms, "requests": measured.requests},
    )
    memory = _line(
        "memory",
        f"The process that answered took {measured.memory_mib:.0f} MiB at its peak",
        measured.memory_mib,
        max_memory_mib,
        "MiB",
        {"memory_mib": measured.memory_mib},
    )
    return [size, latency, memory]


def _line(
    name: str, found: str, value: float, limit: float | None, unit: str, figures: dict[str, float]
) -> Line:
    if limit is None:
        return Line(name, value, limit, unit, True, f"{found}; no limit is set.", figures)
    ok = not math.isnan(value) and value <= limit
    allowed = f"; at most {limit:g} {unit} is allowed."
    return Line(name, value, limit, unit, ok, found + allowed, {**figures, "limit": limit})
