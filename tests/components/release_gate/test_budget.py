import pytest

from components.release_gate import budget
from components.release_gate.parity import probe

MEASURED = probe.Measured(
    model_mib=20.04, load_s=3.0, p50_ms=9.0, p99_ms=14.0, memory_mib=700.0, requests=100
)


def test_without_limits_the_figures_are_still_given():
    lines = budget.check(MEASURED)
    assert [(line.name, line.ok) for line in lines] == [
        ("size", True),
        ("latency", True),
        ("memory", True),
    ]
    assert lines[0].sentence == "The SavedModel takes 20.0 MiB on disk; no limit is set."
    assert lines[1].figures == {"p50_ms": 9.0, "p99_ms": 14.0, "requests": 100}
    assert lines[2].figures == {"memory_mib": 700.0}


@pytest.mark.parametrize("name", ["size", "latency", "memory"])
def test_each_limit_stands_alone_and_includes_itself(name):
    at = {"max_model_mib": 20.04, "max_latency_ms": 14.0, "max_memory_mib": 700.0}
    assert all(line.ok for line in budget.check(MEASURED, **at))
    option = {"size": "max_model_mib", "latency": "max_latency_ms", "memory": "max_memory_mib"}
    lines = budget.check(MEASURED, **{**at, option[name]: at[option[name]] - 0.01})
    assert [line.name for line in lines if not line.ok] == [name]


def test_a_refusal_says_the_value_and_the_limit():
    line = budget.check(MEASURED, max_latency_ms=10)[1]
    assert line.sentence == (
        "99% of 100 requests of one image took at most 14.0 ms (the median: 9.0 ms);"
        " at most 10 ms is allowed."
    )
    assert line.figures["limit"] == 10


def test_what_could_not_be_measured_is_within_no_limit():
    unknown = probe.Measured(20.0, 3.0, float("nan"), float("nan"), 700.0, 1)
    assert not budget.check(unknown, max_latency_ms=10)[1].ok
