"""The settings of retraining: schedule, data, triggers, notifications.

Highest first: flags (``--triggers.new-images 500``), environment (``IMAGE_RETRAIN_...``), a YAML
file (``--config FILE``), defaults. Arguments after ``--`` are passed to ``run_local.py``.
"""

import os
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pydantic
import pydantic_settings
from pydantic import BaseModel, ConfigDict, Field

from data import errors
from pipeline.scheduled import cron
from pipeline.settings import pipeline_config, setting_sources

ENVIRONMENT_PREFIX = "IMAGE_RETRAIN_"
Event = Literal["release", "refusal", "failure"]
MODES = ("--once", "--watch")


class ScheduleConfig(BaseModel):
    """The times of the checks for new images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: str | None = Field(
        None, description="cron expression of the checks: minute hour day month weekday"
    )
    interval_s: float | None = Field(
        None, ge=1, description="seconds between checks, instead of cron"
    )
    poll_s: float = Field(60, ge=0.1, description="seconds between checks with --watch")
    timezone: str | None = Field(
        None, description="time zone of the cron expression; default: the system's"
    )
    late_s: float | None = Field(
        None, ge=1, description="most seconds by which a missed check is made up for; default: any"
    )

    @pydantic.field_validator("cron")
    @classmethod
    def _is_cron(cls, value: str | None) -> str | None:
        if value is not None:
            cron.trigger(value)
        return value

    @pydantic.field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                zoneinfo.ZoneInfo(value)
            except (ValueError, zoneinfo.ZoneInfoNotFoundError, OSError) as error:
                raise ValueError("a name such as Europe/Berlin or UTC is needed") from error
        return value


class ConfidenceConfig(BaseModel):
    """The trigger on the served model's confidence, which its clients record."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = Field(None, description='file of JSON lines {"time": …, "score": 0–1}')
    max_drop: float = Field(
        0.1,
        gt=0,
        le=1,
        description="drop of the mean score, from the test split, that triggers a run",
    )
    days: float = Field(7, gt=0, description="number of last days in the mean score")
    min_count: int = Field(100, ge=1, description="fewest answers for a conclusion")


class TriggerConfig(BaseModel):
    """The triggers of a training; any one is enough. Bounds of drift are those of the pipeline."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_images: int | None = Field(
        1000, ge=1, description="number of new images that triggers a run"
    )
    new_fraction: float | None = Field(
        0.1, gt=0, description="new images, as a share of the last run's, that trigger a run"
    )
    new_class: bool = Field(True, description="train on a class that the last run did not have")
    label_drift: bool = Field(
        True, description="train when class shares drift from the served model's data"
    )
    measure_drift: bool = Field(
        True, description="train when image statistics drift from the served model's data"
    )
    embedding_drift: bool = Field(
        True, description="train when embeddings drift from the served model's data"
    )
    max_age_days: float | None = Field(
        None, gt=0, description="age of the served model, in days, that triggers a run"
    )
    confidence: ConfidenceConfig = Field(
        default_factory=ConfidenceConfig, description="trigger on the served model's scores"
    )
    sample_images: int = Field(
        300, ge=2, le=10_000, description="most images decoded to detect drift, of new and old each"
    )


class NotifyConfig(BaseModel):
    """The receivers of notifications. Secrets are given by the name of an environment variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: pydantic.HttpUrl | None = Field(
        None, description="URL that receives notifications, JSON by POST"
    )
    webhook_variable: str | None = Field(
        None, description="environment variable with the URL, if that is a secret"
    )
    token_variable: str | None = Field(
        None, description="environment variable with a bearer token for the webhook"
    )
    command: list[str] = Field(
        [], description="program with its arguments that receives notifications, JSON on stdin"
    )
    events: list[Event] = Field(
        ["release", "refusal", "failure"], description="events to notify of"
    )
    timeout_s: float = Field(15, gt=0, description="time limit of one delivery, in seconds")

    @pydantic.model_validator(mode="after")
    def _has_one_url(self) -> "NotifyConfig":
        if self.webhook and self.webhook_variable:
            raise ValueError("webhook and webhook_variable exclude each other")
        for name in (self.webhook_variable, self.token_variable):
            if name is not None and not os.environ.get(name):
                raise ValueError(f"the environment variable {name} is not set")
        return self


class RetrainConfig(setting_sources.Layered):
    """All settings of retraining."""

    model_config = pydantic_settings.SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX)

    data_dir: Path = Field(
        description="folder of class folders, or of spans of them, or a manifest of labels"
    )
    output_dir: Path = Field(Path("output"), description="folder for all output")
    recipe: Path | None = Field(None, description="YAML file with the pipeline's settings")
    flags: list[str] = Field([], description="further flags of run_local.py")
    window: int | None = Field(None, ge=1, description="number of newest spans to train on")
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    triggers: TriggerConfig = Field(default_factory=TriggerConfig)
    notify: NotifyConfig = Field(default_factory=NotifyConfig)
    timeout_s: float = Field(24 * 3600, gt=0, description="time limit of a run, in seconds")
    attempts: int = Field(3, ge=1, description="most failed runs of the same images")

    def run_arguments(self) -> list[str]:
        """Returns the arguments of ``run_local.py``; the user's own flags come last and win."""
        arguments = ["--data-dir", str(self.data_dir), "--output-dir", str(self.output_dir)]
        if self.recipe:
            arguments += ["--config", str(self.recipe)]
        arguments += ["--ingest.spans.complete-only", "true"]
        if self.window:
            # The first span's test images stay a fixed set on which models are compared.
            window = ["--ingest.spans.window", str(self.window), "--ingest.spans.fixed-test", "1"]
            arguments += window
        return [*arguments, *self.flags]


@dataclass(frozen=True)
class Command:
    """A parsed command line.

    Attributes:
      config: the settings.
      pipeline: the settings of the runs, so that mistakes are reported now and not at night.
      mode: "--once", "--watch", or "" for a schedule.
    """

    config: RetrainConfig
    pipeline: pipeline_config.PipelineConfig
    mode: str


def parse(arguments: Sequence[str]) -> Command:
    """Reads the command line.

    Args:
      arguments: without the program's name.

    Raises:
      errors.ConfigError: with every problem found.
      SystemExit: after ``--help``, with code 0.
    """
    own, further = list(arguments), []
    if "--" in own:
        place = own.index("--")
        own, further = own[:place], own[place + 1 :]
    modes = [mode for mode in MODES if mode in own]
    config = setting_sources.read(
        RetrainConfig,
        [argument for argument in own if argument not in MODES],
        prog="run_scheduled.py",
        usage="run_scheduled.py --data-dir DIR {--schedule.cron EXPRESSION | --schedule.interval-s"
        " SECONDS | --watch | --once} [--SETTING VALUE …] [-- FLAGS OF run_local.py]",
        description="Retrains when a trigger, such as enough new images, fires. --watch checks all"
        " the time; --once checks once and ends, for cron, systemd and Airflow.",
    )
    config = config.model_copy(update={"flags": [*config.flags, *further]})
    mode = _mode(config, modes)
    return Command(config, pipeline_config.parse(config.run_arguments()), mode)


def _mode(config: RetrainConfig, modes: list[str]) -> str:
    timed = [
        f"--schedule.{name.replace('_', '-')}"
        for name in ("cron", "interval_s")
        if getattr(config.schedule, name) is not None
    ]
    # --once with a file that has a schedule: one check, now.
    chosen = modes if "--once" in modes else modes + timed
    if len(chosen) != 1:
        given = " and ".join(chosen) or "none"
        raise errors.ConfigError(
            "One of --schedule.cron, --schedule.interval-s, --watch and --once is needed;"
            f" given: {given}."
        )
    return modes[0] if modes else ""
