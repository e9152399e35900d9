"""The configuration of a run, composed of the steps' own settings, read from four places.

Highest first: flags (``--train.head-epochs 3``), environment (``IMAGE_PIPELINE_TRAIN__...``),
a YAML file (``--config FILE``), defaults.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pydantic
import pydantic_settings
import yaml
from pydantic import Field

from components.image_example_gen import config as ingest_config
from components.image_validator import config as validate_config
from components.infra_validator import config as infra_config
from components.preprocess import config as preprocess_config
from components.pusher import config as push_config
from components.release_gate import config as gate_config
from components.report import config as report_config
from components.trainer import config as train_config
from components.tuner import config as tune_config
from data.augment import augment_config
from data.sources import config as label_config
from pipeline.beam import beam_config
from pipeline.settings import run_config, setting_sources, step_selection, task_settings
from tasks import evaluate_config, task

ENVIRONMENT_PREFIX = "IMAGE_PIPELINE_"
RECIPES = Path(__file__).parents[1] / "configs"
DIGITS_RECIPE = RECIPES / "digits.yaml"


class PipelineConfig(setting_sources.Layered):
    """All settings of a run."""

    model_config = pydantic_settings.SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX)

    data_dir: Path | None = Field(
        None, description="folder of class folders, or a manifest of labels; default: the digits"
    )
    tfds: str | None = Field(
        None, description="name of an image set of TensorFlow Datasets, used instead of a folder"
    )
    task: str = Field(
        task.DEFAULT,
        description="what the model learns: "
        + "; ".join(f"{name} ({task.load(name).summary})" for name in task.names()),
    )
    output_dir: Path = Field(Path("output"), description="folder for all output")
    seed: int = Field(0, ge=0, description="seed of all random numbers")
    labels: label_config.LabelsConfig = Field(default_factory=label_config.LabelsConfig)
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
    run: run_config.RunConfig = Field(default_factory=run_config.RunConfig)

    @pydantic.field_validator("task")
    @classmethod
    def _is_a_task(cls, value: str) -> str:
        if value not in task.names():
            raise ValueError(f"unknown task {value!r}; known: {', '.join(task.names())}")
        return value

    @pydantic.model_validator(mode="before")
    @classmethod
    def _takes_defaults_of_its_task(cls, given: Any) -> Any:
        """Fills in what suits the task where nothing is set; an unknown task is refused later."""
        name = given.get("task", task.DEFAULT) if isinstance(given, dict) else None
        if name not in task.names():
            return given
        return task_settings.with_defaults(given, task.load(name).defaults)

    @pydantic.model_validator(mode="after")
    def _has_one_source(self) -> "PipelineConfig":
        if self.source is not None and self.tfds is not None:
            given = "--data-dir" if self.data_dir is not None else "--labels.file"
            raise ValueError(f"{given} and --tfds exclude each other; give one of them")
        return self

    @pydantic.model_validator(mode="after")
    def _tunes_what_it_trains(self) -> "PipelineConfig":
        self.tune.check(self.train)
        if self.tune.trials and not task.load(self.task).is_tuned:
            raise ValueError(f"tune.trials is {self.tune.trials}: --task {self.task} has no tuner")
        return self

    @pydantic.model_validator(mode="after")
    def _sets_what_its_task_uses(self) -> "PipelineConfig":
        parts = (self.train, self.checks, self.evaluate, self.gate, self.report, self.augment)
        if unused := task_settings.unused(self.task, *parts):
            raise ValueError(f"{', '.join(unused)}: not a setting of --task {self.task}")
        if self.train.from_scratch and not task.load(self.task).trains_in_phases:
            raise ValueError(
                f"train.weights random trains the network from scratch, and --task {self.task} trains no"
                " network; give imagenet, or a .weights.h5 file"
            )
        return self

    @property
    def source(self) -> Path | None:
        """Returns the data folder or the manifest to ingest; None: another set is exported first."""
        return self.labels.file if self.data_dir is None else self.data_dir

    def to_yaml(self) -> str:
        """Returns the resolved configuration in the format of ``--config``."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def parse(arguments: Sequence[str]) -> PipelineConfig:
    """Reads the configuration of a run.

    Args:
      arguments: the command line without the program's name.

    Raises:
      errors.ConfigError: with every problem found.
      SystemExit: after ``--help``, with code 0.
    """
    return setting_sources.read(
        PipelineConfig,
        arguments,
        prog="run_local.py",
        usage="run_local.py [--data-dir DIR] [--output-dir DIR] [--config FILE] [--SETTING VALUE …]",
        description="Ingests a folder of images, trains, evaluates and pushes a model.",
        recipe=default_recipe,
        add_flags=step_selection.add_flags,
    )


def _names_data(flags: dict[str, Any]) -> bool:
    """Returns whether the flags or the environment name the data to train on."""
    names = ("data_dir", "tfds")
    variables = [*(name.upper() for name in names), "LABELS__FILE"]
    in_environment = any(os.environ.get(f"{ENVIRONMENT_PREFIX}{name}") for name in variables)
    manifest = (flags.get("labels") or {}).get("file")
    return in_environment or bool(manifest) or any(flags.get(name) for name in names)


def default_recipe(flags: dict[str, Any]) -> Path | None:
    """Returns the YAML file to read without ``--config``: the digits' recipe, or None."""
    return None if _names_data(flags) else DIGITS_RECIPE
