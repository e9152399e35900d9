"""Budget of a model: its size, request time and memory, compared with limits."""

import math
from dataclasses import dataclass

from components.release_gate.parity import probe


@dataclass(frozen=True)
class Line:
    """A measured cost and its limit.

    Attributes:
      name: the cost's name.
      value: the measured value, in ``unit``; NaN where it could not be measured.
      limit: the maximum; None: no limit.
      unit: the unit of both.
      ok: true where the value is within the limit, or there is none.
      sentence: the result in words.
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
    """Compares the measurements with the limits; without a limit the figures are still returned.

    Args:
      measured: the candidate's measurements.
      max_model_mib: limit of the SavedModel's files, in MiB.
      max_latency_ms: limit of the 99th percentile of single requests, in milliseconds.
      max_memory_mib: limit of the process's peak resident memory with TensorFlow, in MiB.
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
