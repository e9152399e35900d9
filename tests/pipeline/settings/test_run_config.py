"""How a run bears errors: the settings."""

import pytest

from data import errors
from pipeline.settings import pipeline_config, run_config


def test_timeouts_of_single_steps_go_before_the_general_one():
    parsed = pipeline_config.parse(
        ["--run.timeout-s", "60", "--run.timeouts-s", "Trainer=3600"]
    ).run
    assert parsed.timeout_of("Trainer") == 3600
    assert parsed.timeout_of("Evaluator") == 60
    assert pipeline_config.parse([]).run.timeout_of("Trainer") is None
    off = run_config.RunConfig(timeout_s=60, timeouts_s={"Trainer": 0})
    assert off.timeout_of("Trainer") is None


def test_the_wait_before_a_retry_doubles_up_to_a_limit():
    settings = run_config.RunConfig(retry_wait_s=4)
    assert [settings.wait_before(retry) for retry in (1, 2, 3, 20)] == [4, 8, 16, 300]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--run.timeouts-s", "trainr=60"], "there is no step trainr; did you mean Trainer."),
        (["--run.timeouts-s", "Trainer=-1"], "of Trainer, 0 (any time) or more seconds"),
        (["--run.retries", "-1"], "run.retries is '-1'"),
    ],
)
def test_what_is_refused(flags, message):
    with pytest.raises(errors.ConfigError) as caught:
        pipeline_config.parse(flags)
    assert message in str(caught.value)
