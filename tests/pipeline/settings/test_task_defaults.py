"""A task's own defaults count where nothing is set, and only there."""

import pytest

from data import errors
from pipeline.settings import pipeline_config


def parsed(*arguments):
    return pipeline_config.parse(["--data-dir", "somewhere", *arguments])


def test_defaults_of_a_task_count_where_nothing_is_set():
    plain, masks = parsed(), parsed("--task", "segmentation")
    assert (plain.preprocess.size_px, plain.train.batch_size) == (160, 32)
    assert (masks.preprocess.size_px, masks.train.batch_size) == (320, 8)
    assert masks.train.label_smoothing == 0
    given = parsed("--task", "segmentation", "--train.batch-size", "4", "--train.dropout", "0.5")
    assert (given.train.batch_size, given.train.dropout) == (4, 0.5)
    assert given.train.head_learning_rate == masks.train.head_learning_rate


def test_a_saved_configuration_is_read_as_it_was(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(parsed("--task", "segmentation", "--train.batch-size", "32").to_yaml())
    again = pipeline_config.parse(["--config", str(path)])
    assert again.train.batch_size == 32


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--tune.trials", "3"], "has no tuner"),
        (["--train.mix.mixup-alpha", "0.2"], "train.mix"),
        (["--gate.min-accuracy", "0.5"], "gate.min_accuracy"),
    ],
)
def test_what_a_task_does_not_use_is_refused(flags, words):
    with pytest.raises(errors.ConfigError, match=words):
        parsed("--task", "segmentation", *flags)
