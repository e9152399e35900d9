import subprocess
import sys

import pydantic
import pytest
import yaml

from data import errors
from pipeline.beam import beam_config
from pipeline.settings import pipeline_config


def test_without_data_the_recipe_is_the_digits():
    parsed = pipeline_config.parse([])
    assert parsed.data_dir is None
    assert parsed.preprocess.size_px == 32
    assert not parsed.augment.horizontal_flip


def test_with_data_the_defaults_hold():
    parsed = pipeline_config.parse(["--data-dir", "photos"])
    assert str(parsed.data_dir) == "photos"
    assert parsed.preprocess.size_px == 160


@pytest.mark.parametrize("flag", ["--train.head_epochs=3", "--train.head-epochs=3"])
def test_both_spellings_of_a_flag(flag):
    assert pipeline_config.parse([flag]).train.head_epochs == 3


def test_flags_go_before_environment_before_file_before_defaults(tmp_path, monkeypatch):
    path = tmp_path / "recipe.yaml"
    path.write_text("seed: 1\ntrain: {head_epochs: 11, dropout: 0.1, batch_size: 9}\n")
    monkeypatch.setenv("IMAGE_PIPELINE_TRAIN__HEAD_EPOCHS", "12")
    monkeypatch.setenv("IMAGE_PIPELINE_TRAIN__DROPOUT", "0.2")
    parsed = pipeline_config.parse(["--config", str(path), "--train.head-epochs", "13"])
    assert parsed.train.head_epochs == 13
    assert parsed.train.dropout == 0.2
    assert (parsed.train.batch_size, parsed.seed) == (9, 1)
    assert parsed.train.fine_tune_epochs == 6


def test_the_environment_can_name_the_data(monkeypatch):
    monkeypatch.setenv("IMAGE_PIPELINE_DATA_DIR", "photos")
    parsed = pipeline_config.parse([])
    assert str(parsed.data_dir) == "photos"
    assert parsed.preprocess.size_px == 160


def test_a_manifest_names_the_data_too(monkeypatch):
    parsed = pipeline_config.parse(["--labels.file", "labels.csv"])
    assert (str(parsed.source), parsed.data_dir, parsed.preprocess.size_px) == (
        "labels.csv",
        None,
        160,
    )
    with pytest.raises(errors.ConfigError, match=r"--labels.file and --tfds exclude each other"):
        pipeline_config.parse(["--labels.file", "labels.csv", "--tfds", "beans"])
    monkeypatch.setenv("IMAGE_PIPELINE_LABELS__FILE", "labels.csv")
    assert pipeline_config.parse([]).preprocess.size_px == 160


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--labels.encoding=klingon", "auto or a text encoding of Python is needed"),
        ("--labels.encoding=rot13", "auto or a text encoding of Python is needed"),
        ("--labels.delimiter=::", "a single character, tab or auto is needed"),
        ("--labels.suffix=a/b", "the end of a file's name is needed"),
        ("--labels.format=xml", "labels.format is 'xml': input should be 'auto', 'folders',"),
        ("--labels.unlisted=delete", "should be 'ignore', 'warn' or 'refuse'"),
        ("--labels.colum=x", "Unknown flag --labels.colum"),
    ],
)
def test_settings_of_labels_that_cannot_be(flag, message):
    with pytest.raises(errors.ConfigError) as caught:
        pipeline_config.parse(["--data-dir", "x", flag])
    assert message in str(caught.value)


def test_the_resolved_configuration_is_read_back_the_same(tmp_path):
    parsed = pipeline_config.parse(["--data-dir", "photos", "--train.dropout=0.3"])
    (tmp_path / "config.yaml").write_text(parsed.to_yaml())
    assert pipeline_config.parse(["--config", str(tmp_path / "config.yaml")]) == parsed


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (
            ["--train.head-epoch=3"],
            ["Unknown flag --train.head-epoch. Did you mean --train.head-epochs"],
        ),
        (["--zzz"], ["Unknown flag --zzz. See --help for all."]),
        (["--a=1", "--b=2"], ["Unknown flag --a", "Unknown flag --b"]),
        (["stray"], ["Unexpected argument 'stray'"]),
        (["--data-dir"], ["Argument --data-dir: expected one argument"]),
        (["--data-dir=x", "--tfds=y"], ["--data-dir and --tfds exclude each other"]),
        (
            ["--train.head-epochs=abc"],
            ["train.head_epochs is 'abc': input should be a valid integer"],
        ),
        (["--train.dropout=2", "--seed=-1"], ["train.dropout is '2'", "seed is '-1'"]),
        (
            ["--train.backbone=resnet"],
            ["unknown backbone 'resnet'; known: cnn, cnn_residual, cnn_separable"],
        ),
        (["--ingest.split.train=0.9"], ["sum to 1.1; they must sum to 1"]),
        (["--preprocess.resize=squash"], ["'stretch', 'center_crop' or 'letterbox'"]),
        (["--config=nowhere.yaml"], ["nowhere.yaml cannot be used: there is no such file"]),
    ],
)
def test_every_problem_is_named_at_once(arguments, messages):
    with pytest.raises(errors.ConfigError) as caught:
        pipeline_config.parse(arguments)
    for message in messages:
        assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "train: {head_epoch: 3}",
            "Unknown setting train.head_epoch. Did you mean train.head_epochs",
        ),
        ("bogus: 1", "Unknown setting bogus."),
        ("train: [1", "is no YAML"),
        ("- 1", "must hold settings by name"),
    ],
)
def test_a_bad_file(tmp_path, text, message):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(errors.ConfigError) as caught:
        pipeline_config.parse(["--config", str(tmp_path / "bad.yaml")])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "path", sorted(pipeline_config.RECIPES.glob("*.yaml")), ids=lambda path: path.name
)
def test_every_recipe_is_valid(path):
    pipeline_config.parse(["--config", str(path)])
    assert yaml.safe_load(path.read_text())


def test_every_setting_has_a_description():
    def undescribed(model, prefix=""):
        for name, field in model.model_fields.items():
            kind = field.annotation
            if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
                assert kind.__doc__, prefix + name
                yield from undescribed(kind, f"{prefix}{name}.")
            elif not field.description:
                yield prefix + name

    assert list(undescribed(pipeline_config.PipelineConfig)) == []


def test_beam_never_tries_to_download_a_runner():
    assert "--runner=FnApiRunner" in beam_config.BeamConfig().arguments()
    workers = beam_config.BeamConfig(workers=2).arguments()
    assert "--direct_num_workers=2" in workers
    assert "--direct_running_mode=multi_processing" in workers


def test_a_command_line_is_read_without_tensorflow():
    """Its mistakes are told at once; importing TensorFlow takes seconds."""
    code = (
        "import sys; from pipeline.settings import pipeline_config;"
        "from pipeline.run import preflight; pipeline_config.parse(['--data-dir', '.']);"
        "print({'tensorflow', 'pyarrow', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
