"""TFX adapter of the report: the outputs of the steps → a page and a model card."""

from pathlib import Path
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.utils import path_utils

from components.evaluator import results
from components.image_validator import artifacts as validation_artifacts
from components.predict import artifacts as predict_artifacts
from components.release_gate import artifacts as gate_artifacts
from components.report import artifacts, build, config
from data.examples import examples_artifact


class ReportSpec(component_spec.ComponentSpec):  # type: ignore[misc]
    """Inputs, outputs and parameters of the step."""

    PARAMETERS: ClassVar = {
        "settings": component_spec.ExecutionParameter(type=str),
        "code": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar = {
        "examples": component_spec.ChannelParameter(type=standard_artifacts.Examples),
        "findings": component_spec.ChannelParameter(type=validation_artifacts.ImageReport),
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model),
        "model_run": component_spec.ChannelParameter(type=standard_artifacts.ModelRun),
        "evaluation": component_spec.ChannelParameter(type=standard_artifacts.ModelEvaluation),
        "predictions": component_spec.ChannelParameter(type=predict_artifacts.Predictions),
        "decision": component_spec.ChannelParameter(type=gate_artifacts.ReleaseDecision),
        # Not read, only ordered: a report must never delay a push.
        "pushed_model": component_spec.ChannelParameter(type=standard_artifacts.PushedModel),
    }
    OUTPUTS: ClassVar = {"report": component_spec.ChannelParameter(type=artifacts.Report)}


class Executor(base_executor.BaseExecutor):  # type: ignore[misc]
    """Collects the artifacts. A class, not a function, since only a class gets the run's id."""

    def Do(
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class."""
        job = config.ReportJob.model_validate_json(exec_properties["settings"])
        uris = {name: artifact_utils.get_single_uri(found) for name, found in input_dict.items()}
        inputs = build.Inputs(
            job=job,
            code=exec_properties["code"],
            run_id=self._context.pipeline_run_id or "",
            made_ms={
                name: found[0].mlmd_artifact.create_time_since_epoch
                for name, found in input_dict.items()
            },
            examples_uri=uris["examples"],
            test_files=examples_artifact.shards(uris["examples"], "test"),
            findings_uri=uris["findings"],
            saved_model=Path(path_utils.serving_model_path(uris["model"])),
            model_run_uri=uris["model_run"],
            predictions_uri=uris["predictions"],
            decision_uri=uris["decision"],
            result=results.read(uris["evaluation"], job.task, job.labels, job.evaluate),
        )
        build.write(inputs, artifact_utils.get_single_uri(output_dict["report"]))


class Report(base_component.BaseComponent):  # type: ignore[misc]
    """Writes report.html and model_card.md.

    Args:
      settings: a ReportJob as JSON.
      code: hash of the code that runs; part of the cache key.
      **inputs: channels, by the names of ReportSpec.INPUTS.
    """

    SPEC_CLASS = ReportSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, settings: str, code: str, **inputs: channel.BaseChannel) -> None:
        super().__init__(
            ReportSpec(
                settings=settings,
                code=code,
                report=channel.Channel(type=artifacts.Report),
                **inputs,
            )
        )
