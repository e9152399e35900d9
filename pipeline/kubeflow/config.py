"""The settings of a pipeline on Kubeflow."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.kubeflow import cron as cron_expression
from pipeline.settings import pipeline_config

_VOLUME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?:/[^:]+(:/[^:]+)?")
_ROOT = re.compile(r"((gs|s3|minio)://[^/]+|/).*")


def _volume(value: str) -> str:
    if not _VOLUME.fullmatch(value):
        raise ValueError(
            "a volume is given as CLAIM:MOUNT, such as images:/mnt/images, or CLAIM:MOUNT:HERE"
            " where this machine sees it elsewhere"
        )
    return value


def _root(value: str) -> str:
    if not _ROOT.fullmatch(value):
        raise ValueError("a pipeline root is a folder of gs://, s3:// or minio://, or absolute")
    return value.rstrip("/")


def _cron(value: str) -> str:
    return cron_expression.check(value)


class Resources(BaseModel):
    """What a step's container gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpus: int = Field(0, ge=0, description="how many")
    gpu_type: str = Field("nvidia.com/gpu", description="the resource that the cluster counts")
    cpus: float = Field(0, ge=0, description="a limit; 0: none")
    memory_gb: float = Field(0, ge=0, description="a limit; 0: none")


class KubeflowConfig(BaseModel):
    """Where and how the steps run, and whom to ask for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field("image-pipeline:latest", min_length=1, description="of all steps")
    project_dir: str = Field(
        "/app", pattern="^/.*[^/]$", description="where the project is in the image"
    )
    pipeline_root: Annotated[str, AfterValidator(_root)] = Field(
        "minio://mlpipeline/v2/artifacts", description="where the artifacts go"
    )
    volume: Annotated[str, AfterValidator(_volume)] | None = Field(
        None, description="CLAIM:MOUNT[:HERE] that holds the data folder and the output folder"
    )
    trainer: Resources = Field(
        Resources(gpus=1), description="resources of the steps Trainer and Tuner"
    )
    steps: Resources = Field(Resources(), description="resources of all other steps")
    retries: int = Field(2, ge=0, description="of a step that failed")
    retry_wait_s: int = Field(60, ge=0, description="before the first retry; doubled each time")
    cache: bool = Field(True, description="take unchanged steps from earlier runs")
    infra: Literal["in_container", "none"] = Field(
        "in_container",
        description="the trial on a model server: in the step's own container, or none",
    )
    package: Path | None = Field(None, description="the file that compile writes")
    host: str | None = Field(None, pattern="^https?://", description="the API of Kubeflow")
    namespace: str | None = Field(None, description="where the runs go, in a multi-user Kubeflow")
    experiment: str = Field("Default", description="that the runs belong to")
    service_account: str | None = Field(None, description="that the steps run as")
    token_file: Path | None = Field(
        None, description="holds the token for the API; or the variable KUBEFLOW_TOKEN"
    )
    client: Path | None = Field(
        None, description="Python of the environment that has kfp; default: .venv-kubeflow"
    )
    cron: Annotated[str, AfterValidator(_cron)] | None = Field(
        None, description='when schedule runs, five fields in UTC, such as "0 3 * * mon"'
    )


class KubeflowRun(pipeline_config.PipelineConfig):
    """All settings of a run, and those of Kubeflow."""

    kubeflow: KubeflowConfig = Field(default_factory=KubeflowConfig)
