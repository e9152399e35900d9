"""The settings of retraining: when to look, on what, for what to train, whom to tell.

Highest first: flags (``--triggers.new-images 500``), environment (``IMAGE_RETRAIN_...``), a YAML
file (``--config FILE``), defaults. What follows ``--`` goes to ``run_local.py`` as it is.
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
    """When to look for new images."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cron: str | None = Field(None, description="minute hour day month weekday, as cron has them")
    interval_s: float | None = Field(None, ge=1, description="or every so many seconds")
    poll_s: float = Field(60, ge=0.1, description="with --watch: how often to look")
    timezone: str | None = Field(None, description="of the cron expression; default: the system's")
    late_s: float | None = Field(
        None, ge=1, description="how late a missed tick is made up for; default: however late"
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
    """How sure the served model is of what it is asked, as whoever asks it writes down."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path | None = Field(None, description='JSON lines: {"time": …, "score": 0–1}')
    max_drop: float = Field(
        0.1, gt=0, le=1, description="below the mean score on the test split of the served model"
    )
    days: float = Field(7, gt=0, description="the mean is over so many of the last days")
    min_count: int = Field(100, ge=1, description="answers below which nothing is concluded")


class TriggerConfig(BaseModel):
    """What is reason enough to train; any one is. Bounds of drift are the pipeline's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    new_images: int | None = Field(1000, ge=1, description="so many images that are new")
    new_fraction: float | None = Field(
        0.1, gt=0, description="or so large a part of those of the last run"
    )
    new_class: bool = Field(True, description="a class that the last run did not have")
    label_drift: bool = Field(True, description="other shares of classes than the served model's")
    measure_drift: bool = Field(True, description="images that look otherwise than its images")
    embedding_drift: bool = Field(True, description="images that are others to the served model")
    max_age_days: float | None = Field(None, gt=0, description="of the served model")
    confidence: ConfidenceConfig = Field(
        default_factory=ConfidenceConfig, description="a drop of the served model's scores"
    )
    sample_images: int = Field(
        300, ge=2, le=10_000, description="most that are decoded to tell drift, of new and old each"
    )


class NotifyConfig(BaseModel):
    """Whom to tell. What is secret is given by the name of an environment variable."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    webhook: pydantic.HttpUrl | None = Field(None, description="a URL that takes JSON by POST")
    webhook_variable: str | None = Field(
        None, description="or the environment variable that holds a URL, where it is a secret"
    )
    token_variable: str | None = Field(
        None, description="the environment variable that holds a bearer token"
    )
    command: list[str] = Field(
        [], description="a program with its arguments that takes the JSON on stdin"
    )
    events: list[Event] = Field(["release", "refusal", "failure"], description="of which is told")
    timeout_s: float = Field(15, gt=0, description="for one delivery")

    @pydantic.model_validator(mode="after")
    def _has_one_url(self) -> "NotifyConfig":
        if self.webhook and self.webhook_variable:
            raise ValueError("webhook and webhook_variable exclude each other")
        for name in (self.webhook_variable, self.token_variable):
            if name is not None and not os.environ.get(name):
                raise ValueError(f"the environment variable {name} is not set")
        return self


class RetrainConfig(setting_sources.Layered):
    """Everything that can be set."""

    model_config = pydantic_settings.SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX)

    data_dir: Path = Field(description="folder of class folders, or of spans of them")
    output_dir: Path = Field(Path("output"), description="where everything is written")
    recipe: Path | None = Field(None, description="the pipeline's own settings, in YAML")
    flags: list[str] = Field([], description="further flags of run_local.py")
    window: int | None = Field(None, ge=1, description="train on this many of the newest spans")
    schedule: ScheduleConfig = Field(default_factory=ScheduleConfig)
    triggers: TriggerConfig = Field(default_factory=TriggerConfig)
    notify: NotifyConfig = Field(default_factory=NotifyConfig)
    timeout_s: float = Field(24 * 3600, gt=0, description="after which a run is ended")
    attempts: int = Field(3, ge=1, description="runs of the same images that may fail")

    def run_arguments(self) -> list[str]:
        """What ``run_local.py`` is called with; the user's own flags come last and win."""
        arguments = ["--data-dir", str(self.data_dir), "--output-dir", str(self.output_dir)]
        if self.recipe:
            arguments += ["--config", str(self.recipe)]
        arguments += ["--ingest.spans.complete-only", "true"]
        if self.window:
            # The first span's test images stay a fixed set to hold models against.
            window = ["--ingest.spans.window", str(self.window), "--ingest.spans.fixed-test", "1"]
            arguments += window
        return [*arguments, *self.flags]


@dataclass(frozen=True)
class Command:
    """What the command line asks for.

    Attributes:
      config: the settings.
      pipeline: those that a run will have; wrong ones are told now, not at night.
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
        description="Trains again when new images are reason enough. --watch looks all the time,"
        " --once looks once and ends, for cron, systemd and Airflow.",
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
    # --once with a file that has a schedule: one look, now.
    chosen = modes if "--once" in modes else modes + timed
    if len(chosen) != 1:
        given = " and ".join(chosen) or "none"
        raise errors.ConfigError(
            "One of --schedule.cron, --schedule.interval-s, --watch and --once is needed;"
            f" given: {given}."
        )
    return modes[0] if modes else ""
