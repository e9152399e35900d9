import pydantic
import pytest

from components.tuner import config
from data import errors
from pipeline.settings import pipeline_config


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--tune.method=grid", "'random', 'bayesian' or 'hyperband'"),
        ("--tune.trials=-1", "tune.trials is '-1'"),
        ("--tune.dropout=0,2", "input should be less than 1, not 2"),
        ("--tune.dropout=0.6,0.5", "the lowest, 0.6, is above the highest, 0.5"),
        ("--tune.dropout=0.1", "at least 2 items"),
        ("--tune.head-learning-rate=0,1", "input should be greater than 0, not 0"),
        ("--tune.unfreeze-blocks=0,3", "greater than or equal to 1, not 0"),
        ("--tune.augment-strength=-1", "each must be from 0 to 10"),
        ("--tune.trial=3", "Did you mean --tune.trials"),
    ],
)
def test_bad_settings(argument, message):
    with pytest.raises(errors.ConfigError) as caught:
        pipeline_config.parse([argument])
    assert message in str(caught.value)


def test_flags():
    parsed = pipeline_config.parse(
        ["--tune.trials", "30", "--tune.method", "random", "--tune.augment-strength", "0.5,2"]
    )
    assert (parsed.tune.trials, parsed.tune.method) == (30, "random")
    assert parsed.tune.augment_strength == [0.5, 2.0]
    parsed = pipeline_config.parse(["--tune.dropout", "0.1,0.2", "--tune.unfreeze-blocks=2,18"])
    assert (parsed.tune.dropout, parsed.tune.unfreeze_blocks) == ([0.1, 0.2], [2, 18])


def test_heads_need_a_frozen_backbone():
    with pytest.raises(errors.ConfigError, match=r"give tune\.what all"):
        pipeline_config.parse(["--tune.trials=3", "--train.weights=random"])
    pipeline_config.parse(["--tune.trials=3", "--train.weights=random", "--tune.what=all"])
    pipeline_config.parse(["--train.weights=random"])


def test_there_is_no_search_unless_it_is_asked_for():
    assert config.TuneConfig().trials == 0
    with pytest.raises(pydantic.ValidationError):
        config.TuneConfig(unknown=1)
