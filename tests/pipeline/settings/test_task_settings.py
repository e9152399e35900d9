import pytest

from components.trainer import config as train_config
from data import errors
from pipeline.settings import pipeline_config
from tasks import task


def test_a_setting_of_training_that_the_task_does_not_use_is_refused():
    with pytest.raises(errors.ConfigError, match=r"train\.min_precision: not a setting of --task"):
        pipeline_config.parse(["--train.min-precision", "0.9"])


def test_the_task_that_uses_it_takes_it():
    (name,) = [one for one in task.names() if "min_precision" in task.load(one).train_settings]
    found = pipeline_config.parse(
        ["--data-dir", "photos", "--task", name, "--train.min-precision", "0.9"]
    )
    assert found.train.min_precision == 0.9


def test_settings_of_tasks_are_settings_of_training():
    known = set(train_config.TrainConfig.model_fields)
    for name in task.names():
        assert task.load(name).train_settings <= known
