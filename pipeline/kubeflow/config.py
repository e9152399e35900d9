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
            " if this machine sees it at another path"
        )
    return value


def _root(value: str) -> str:
    if not _ROOT.fullmatch(value):
        raise ValueError("a pipeline root is a folder of gs://, s3:// or minio://, or absolute")
    return value.rstrip("/")


def _cron(value: str) -> str:
    return cron_expression.check(value)


class Resources(BaseModel):
    """The resources of a step's container."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    gpus: int = Field(0, ge=0, description="how many")
    gpu_type: str = Field("nvidia.com/gpu", description="name of the cluster's GPU resource")
    cpus: float = Field(0, ge=0, description="limit of CPUs; 0: no limit")
    memory_gb: float = Field(0, ge=0, description="limit of memory, in GB; 0: no limit")


class KubeflowConfig(BaseModel):
    """The settings for Kubeflow: where and how the steps run, and the API."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    image: str = Field(
        "image-pipeline:latest", min_length=1, description="container image of all steps"
    )
    project_dir: str = Field(
        "/app", pattern="^/.*[^/]$", description="folder of the project in the image"
    )
    pipeline_root: Annotated[str, AfterValidator(_root)] = Field(
        "minio://mlpipeline/v2/artifacts", description="folder or address for the artifacts"
    )
    volume: Annotated[str, AfterValidator(_volume)] | None = Field(
        None, description="volume CLAIM:MOUNT[:HERE] with the data folder and the output folder"
    )
    trainer: Resources = Field(
        Resources(gpus=1), description="resources of the steps Trainer and Tuner"
    )
    steps: Resources = Field(Resources(), description="resources of all other steps")
    retries: int = Field(2, ge=0, description="number of retries of a failed step")
    retry_wait_s: int = Field(
        60, ge=0, description="seconds before the first retry; doubled each time"
    )
    cache: bool = Field(True, description="reuse unchanged steps of earlier runs")
    infra: Literal["in_container", "none"] = Field(
        "in_container",
        description="trial on a model server: in the container of the step, or none",
    )
    package: Path | None = Field(None, description="file that compile writes")
    host: str | None = Field(
        None, pattern="^https?://", description="address of the API of Kubeflow"
    )
    namespace: str | None = Field(
        None, description="namespace of the runs, in a multi-user Kubeflow"
    )
    experiment: str = Field("Default", description="experiment that groups the runs")
    service_account: str | None = Field(None, description="service account of the steps")
    token_file: Path | None = Field(
        None, description="file with the token for the API; default: variable KUBEFLOW_TOKEN"
    )
    client: Path | None = Field(
        None, description="Python of the environment with kfp; default: .venv-kubeflow"
    )
    cron: Annotated[str, AfterValidator(_cron)] | None = Field(
        None, description='schedule of the runs, five fields in UTC, such as "0 3 * * mon"'
    )


class KubeflowRun(pipeline_config.PipelineConfig):
    """All settings of a run, and those of Kubeflow."""

    kubeflow: KubeflowConfig = Field(default_factory=KubeflowConfig)
