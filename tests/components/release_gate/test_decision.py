import pytest

from components.release_gate import config, decision
from tasks import gate_check


def check(verdict, name="a", **figures):
    return gate_check.Check(name, verdict, f"{name} is {verdict}.", figures)


@pytest.mark.parametrize(
    ("verdicts", "worst"),
    [
        (["release", "release"], "release"),
        (["release", "inconclusive", "release"], "inconclusive"),
        (["inconclusive", "refuse", "release"], "refuse"),
    ],
)
def test_the_worst_check_decides(verdicts, worst):
    made = decision.decide([check(verdict) for verdict in verdicts], config.GateConfig())
    assert made.verdict == worst
    assert made.checks[0].verdict == worst
    assert made.blessed == (worst == "release")


def test_what_an_inconclusive_verdict_does_is_a_setting():
    lenient = config.GateConfig(inconclusive="release")
    assert decision.decide([check("inconclusive")], lenient).blessed
    assert not decision.decide([check("refuse"), check("inconclusive")], lenient).blessed


def test_reasons_leave_out_the_classes_that_are_well():
    made = decision.decide(
        [
            check("release", "accuracy"),
            check("release", "recall", **{"class": "cat"}),
            check("refuse", "precision", **{"class": "dog"}),
        ],
        config.GateConfig(),
    )
    assert made.reasons == ["precision is refuse.", "accuracy is release."]


def test_a_file_gives_back_the_decision(tmp_path):
    made = decision.decide([check("refuse", rate=None, images=3)], config.GateConfig())
    made.write(str(tmp_path))
    assert decision.Decision.read(str(tmp_path)) == made
