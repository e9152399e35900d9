"""The TFX adapter of the compiler: the pipeline → a package for Kubeflow Pipelines."""

import re
from dataclasses import dataclass
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2
from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner

from pipeline import output_folder
from pipeline.kubeflow import config as kubeflow_config
from pipeline.kubeflow import engine, spec
from pipeline.run import preflight
from pipeline.wiring import code_fingerprint, dag

ENTRYPOINT = ("python", "-m", "pipeline.kubeflow.entrypoint")
INGEST = "ImageFolderExampleGen"
_ResourceSpec = pipeline_spec_pb2.PipelineDeploymentConfig.PipelineContainerSpec.ResourceSpec


@dataclass(frozen=True)
class Package:
    """A compiled pipeline.

    Attributes:
      name: its name in Kubeflow.
      documents: the pipeline, and the part for Kubernetes.
      notes: the differences from a run on one machine, one sentence each.
    """

    name: str
    documents: list[dict[str, Any]]
    notes: list[str]


def compile_package(
    config: kubeflow_config.KubeflowRun, inputs: preflight.Inputs, recurring: bool = False
) -> Package:
    """Compiles the pipeline.

    Args:
      config: the resolved configuration.
      inputs: the data folder's listing, the label map and the model's name.
      recurring: whether the package will run many times: then ingest reads the data each time,
        since its cache key holds the listing at the time of compilation.
    """
    settings = config.kubeflow
    moved = {str(code_fingerprint.ROOT): settings.project_dir}
    volume = spec.Volume(settings.volume) if settings.volume else None
    if volume:
        manifest = {"labels.file": inputs.source.file} if inputs.source.file else {}
        volume.check(data_dir=inputs.listing.root, output_dir=config.output_dir, **manifest)
        moved[str(volume.here)] = volume.mount
    released_dir = output_folder.OutputFolder(config.output_dir.resolve()).released(
        inputs.model_name
    )
    kubeflow = engine.Kubeflow(settings, released_dir)
    pipeline = dag.build(config, inputs, kubeflow)
    name = re.sub(r"[^a-z0-9]+", "-", inputs.model_name.lower()).strip("-") or "images"
    pipeline.pipeline_info.pipeline_name = name
    pipeline.pipeline_info.pipeline_root = settings.pipeline_root
    for node in pipeline.components:
        trains = node.id in ("Trainer", "Tuner")
        resources = settings.trainer if trains else settings.steps
        if resources != kubeflow_config.Resources():
            node.with_platform_config(_resources(resources))
    runner = kubeflow_v2_dag_runner.KubeflowV2DagRunner(
        kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(
            default_image=settings.image,
            default_commands=list(ENTRYPOINT),
            use_pipeline_spec_2_1=True,
        )
    )
    job = runner.run(pipeline, write_out=False)
    mended = spec.mend(job["pipelineSpec"], settings, moved, {INGEST} if recurring else ())
    documents = [mended, spec.platform(mended, volume)] if volume else [mended]
    trial = kubeflow.left_out(config.infra) or (
        "InfraValidator: Kubeflow cannot run TFX's own; this one tries the model on a server in"
        " the container of its step."
    )
    return Package(name, documents, [_RESOLVERS.format(released_dir), trial])


_RESOLVERS = (
    "start, baseline: Kubeflow has no resolvers; steps look for released models in {}, where the"
    " step KeepModel keeps the last two."
)


def _resources(resources: kubeflow_config.Resources) -> Any:
    found = _ResourceSpec(cpu_limit=resources.cpus, memory_limit=resources.memory_gb)
    if resources.gpus:
        found.accelerator.type = resources.gpu_type
        found.accelerator.count = resources.gpus
    return found
