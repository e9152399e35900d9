import pytest

from components.trainer import config as train_config
from data import errors
from pipeline.settings import pipeline_config
from tasks import task

FOREIGN = {
    "multilabel": (
        "--gate.min-accuracy=0.5",
        "--gate.max-recall-drop=0.2",
        "--evaluate.top-k=3",
        "--report.pictures-per-cell=2",
    ),
    "classification": (
        "--gate.min-map=0.4",
        "--gate.max-label-drop=0.2",
        "--checks.unlabelled=block",
        "--checks.max-unlabelled-fraction=0.9",
        "--train.min-precision=0.9",
    ),
}


@pytest.mark.parametrize(
    ("name", "flag"), [(name, flag) for name, flags in FOREIGN.items() for flag in flags]
)
def test_a_setting_of_another_task_is_refused(name, flag):
    setting = flag[2:].partition("=")[0].replace("-", "_")
    with pytest.raises(errors.ConfigError, match=f"{setting}: not a setting of --task {name}"):
        pipeline_config.parse(["--data-dir", "d", "--task", name, flag])
    (other,) = {*FOREIGN} - {name}
    pipeline_config.parse(["--data-dir", "d", "--task", other, flag])


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("similarity", "--train.head-epochs=3"),
        ("similarity", "--train.fine-tune-learning-rate=0.1"),
        ("similarity", "--train.cache.max-gib=3"),
        ("similarity", "--train.label-smoothing=0.2"),
        ("similarity", "--augment.vertical-flip=true"),
        ("similarity", "--augment.policy=randaugment"),
        ("detection", "--train.label-smoothing=0.2"),
        ("detection", "--train.head-start=random"),
        ("segmentation", "--train.head-start=random"),
    ],
)
def test_what_no_step_of_the_task_reads_is_refused(name, flag):
    setting = ".".join(flag[2:].partition("=")[0].replace("-", "_").split(".")[:2])
    with pytest.raises(errors.ConfigError, match=f"{setting}: not a setting of --task {name}"):
        pipeline_config.parse(["--data-dir", "d", "--task", name, flag])
    pipeline_config.parse(["--data-dir", "d", flag])


def test_a_task_that_trains_nothing_needs_weights():
    flags = ["--data-dir", "d", "--task", "similarity", "--train.weights", "random"]
    with pytest.raises(errors.ConfigError, match="--task similarity trains no network; give image"):
        pipeline_config.parse(flags)


def test_every_setting_of_training_is_read_by_all_tasks_or_named_by_those_that_read_it():
    """A new one must be thought of for each task."""
    named = frozenset().union(*(task.load(name).train_settings for name in task.names()))
    assert {*train_config.TrainConfig.model_fields} - named == {
        "backbone",
        "exports",
        "outlier_coverage",
        "warm_start",
        "weights",
    }


def test_all_of_them_are_told_at_once():
    flags = FOREIGN["multilabel"]
    with pytest.raises(errors.ConfigError) as caught:
        pipeline_config.parse(["--data-dir", "d", "--task", "multilabel", *flags])
    for flag in flags:
        assert flag[2:].partition("=")[0].replace("-", "_") in str(caught.value)


@pytest.mark.parametrize("name", task.names())
def test_a_saved_configuration_names_every_setting(name, tmp_path):
    saved = pipeline_config.parse(["--data-dir", "d", "--task", name])
    (tmp_path / "config.yaml").write_text(saved.to_yaml())
    again = pipeline_config.parse(["--config", str(tmp_path / "config.yaml")])
    assert again == saved


def test_an_unknown_task_is_refused_with_the_known_ones():
    with pytest.raises(
        errors.ConfigError, match="known: classification, detection, multilabel, segmentation"
    ):
        pipeline_config.parse(["--data-dir", "d", "--task", "multi_label"])


def test_settings_of_tasks_are_settings_of_training():
    known = set(train_config.TrainConfig.model_fields)
    for name in task.names():
        assert task.load(name).train_settings <= known
