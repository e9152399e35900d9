"""The one configuration of a run, composed of the steps' own, read from four places.

Highest first: flags (``--train.head-epochs 3``), environment (``IMAGE_PIPELINE_TRAIN__...``),
a YAML file (``--config FILE``), defaults.
"""

import argparse
import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import pydantic
import pydantic_settings
import yaml
from pydantic import BaseModel, Field

from components.evaluator import config as evaluate_config
from components.image_example_gen import config as ingest_config
from components.image_validator import config as validate_config
from components.infra_validator import config as infra_config
from components.preprocess import config as preprocess_config
from components.pusher import config as push_config
from components.release_gate import config as gate_config
from components.report import config as report_config
from components.trainer import config as train_config
from components.tuner import config as tune_config
from data import augment_config, errors
from pipeline import beam_config

ENVIRONMENT_PREFIX = "IMAGE_PIPELINE_"
RECIPES = Path(__file__).parent / "configs"
DIGITS_RECIPE = RECIPES / "digits.yaml"


class PipelineConfig(pydantic_settings.BaseSettings):
    """Everything that can be set."""

    model_config = pydantic_settings.SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENVIRONMENT_PREFIX,
        env_nested_delimiter="__",
        cli_kebab_case=True,
        cli_avoid_json=True,
        cli_hide_none_type=True,
        cli_use_class_docs_for_groups=True,
    )

    data_dir: Path | None = Field(None, description="folder of class folders; default: the digits")
    tfds: str | None = Field(None, description="an image set of TensorFlow Datasets instead")
    output_dir: Path = Field(Path("output"), description="where everything is written")
    seed: int = Field(0, ge=0, description="of all that is random")
    ingest: ingest_config.IngestConfig = Field(default_factory=ingest_config.IngestConfig)
    checks: validate_config.ValidateConfig = Field(default_factory=validate_config.ValidateConfig)
    preprocess: preprocess_config.PreprocessConfig = Field(
        default_factory=preprocess_config.PreprocessConfig
    )
    augment: augment_config.AugmentConfig = Field(default_factory=augment_config.AugmentConfig)
    train: train_config.TrainConfig = Field(default_factory=train_config.TrainConfig)
    tune: tune_config.TuneConfig = Field(default_factory=tune_config.TuneConfig)
    evaluate: evaluate_config.EvaluateConfig = Field(default_factory=evaluate_config.EvaluateConfig)
    gate: gate_config.GateConfig = Field(default_factory=gate_config.GateConfig)
    report: report_config.ReportConfig = Field(default_factory=report_config.ReportConfig)
    infra: infra_config.InfraConfig = Field(default_factory=infra_config.InfraConfig)
    push: push_config.PushConfig = Field(default_factory=push_config.PushConfig)
    beam: beam_config.BeamConfig = Field(default_factory=beam_config.BeamConfig)

    @pydantic.model_validator(mode="after")
    def _has_one_source(self) -> "PipelineConfig":
        if self.data_dir is not None and self.tfds is not None:
            raise ValueError("--data-dir and --tfds exclude each other; give one of them")
        return self

    @pydantic.model_validator(mode="after")
    def _tunes_what_it_trains(self) -> "PipelineConfig":
        self.tune.check(self.train)
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: Any,
        init_settings: Any,
        env_settings: Any,
        dotenv_settings: Any,
        file_secret_settings: Any,
    ) -> tuple[Any, ...]:
        """The environment goes before the file, whose values come as arguments."""
        return env_settings, init_settings

    def to_yaml(self) -> str:
        """The resolved configuration, in the form that ``--config`` reads."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


class _Parser(argparse.ArgumentParser):
    """An argument parser that names the near flags of an unknown one, and does not exit."""

    def error(self, message: str) -> NoReturn:
        known = [flag for action in self._actions for flag in action.option_strings]
        unknown = message.removeprefix("unrecognized arguments: ").split()
        if message.startswith("unrecognized arguments: "):
            flags = [flag.split("=")[0] for flag in unknown if flag.startswith("-")]
            stray = [f"Unexpected argument {unknown[0]!r}; settings are given as --flag VALUE."]
            raise errors.ConfigError(*([_unknown(flag, known, "flag") for flag in flags] or stray))
        raise errors.ConfigError(f"{message[:1].upper()}{message[1:]}; see --help.")


def parse(arguments: Sequence[str]) -> PipelineConfig:
    """Reads the configuration of a run.

    Args:
      arguments: the command line without the program's name.

    Raises:
      errors.ConfigError: with every problem found.
      SystemExit: after ``--help``, with code 0.
    """
    first = _Parser(add_help=False, allow_abbrev=False)
    _add_config_flag(first)
    given, rest = first.parse_known_args([_kebab(argument) for argument in arguments])
    root = _Parser(
        prog="run_local.py",
        usage="run_local.py [--data-dir DIR] [--output-dir DIR] [--config FILE] [--SETTING VALUE …]",
        allow_abbrev=False,
        description="Ingests a folder of images, trains, evaluates and pushes a classifier.",
        formatter_class=lambda prog: argparse.HelpFormatter(prog, max_help_position=44, width=100),
    )
    _add_config_flag(root)
    source: Any = pydantic_settings.CliSettingsSource(PipelineConfig, root_parser=root)
    flags = source(args=rest)
    try:
        recipe = given.config or (None if _names_data(flags()) else DIGITS_RECIPE)
        values = _read_yaml(recipe) if recipe else {}
        return PipelineConfig(_cli_settings_source=flags, **values)
    except pydantic.ValidationError as error:
        raise errors.ConfigError(*(_explain(row) for row in error.errors())) from error
    except pydantic_settings.SettingsError as error:
        raise errors.ConfigError(f"{error}: {error.__cause__}.") from error


def _add_config_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", type=Path, help="settings in YAML")


def _names_data(flags: dict[str, Any]) -> bool:
    """Whether the flags or the environment say what to train on."""
    names = ("data_dir", "tfds")
    in_environment = any(os.environ.get(f"{ENVIRONMENT_PREFIX}{name.upper()}") for name in names)
    return in_environment or any(flags.get(name) for name in names)


def _kebab(argument: str) -> str:
    """``--train.head_epochs=3`` → ``--train.head-epochs=3``: both spellings are understood."""
    flag, equals, value = argument.partition("=")
    return f"{flag.replace('_', '-')}{equals}{value}" if argument.startswith("--") else argument


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise errors.ConfigError(f"--config {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise errors.ConfigError(f"--config {path} is no YAML: {error}") from error
    if not isinstance(values or {}, dict):
        raise errors.ConfigError(f"--config {path} must hold settings by name, such as seed: 1.")
    return values or {}


def _explain(row: Any) -> str:
    """One sentence on a pydantic error: where, what was given, what is allowed."""
    name = ".".join(str(part) for part in row["loc"] if part not in ("float", "literal['auto']"))
    if row["type"] == "extra_forbidden":
        return _unknown(name, _setting_names(PipelineConfig), "setting")
    message = row["msg"].removeprefix("Value error, ")
    if not name:
        return f"{message}."
    return f"{name} is {row['input']!r}: {message[:1].lower()}{message[1:]}."


def _unknown(name: str, known: Sequence[str], kind: str) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    hint = f" Did you mean {' or '.join(near)}?" if near else " See --help for all."
    return f"Unknown {kind} {name}.{hint}"


def _setting_names(model: type[BaseModel], prefix: str = "") -> list[str]:
    names = []
    for name, field in model.model_fields.items():
        names.append(prefix + name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            names += _setting_names(field.annotation, f"{prefix}{name}.")
    return names
