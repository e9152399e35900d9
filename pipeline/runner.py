"""Runs the pipeline with TFX's LocalDagRunner, and tells of each step as it starts and ends."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils

from data import errors


@dataclass
class Step:
    """One step of a run.

    Attributes:
      name: the node's id in the pipeline.
      seconds: wall time.
      cached: whether an earlier run's output was taken.
      outputs: output key → its artifacts, as MLMD holds them.
    """

    name: str
    seconds: float = 0.0
    cached: bool = True
    outputs: dict[str, list[Any]] = field(default_factory=dict)

    def uri(self, key: str) -> str:
        """Where the one artifact of an output lies."""
        return str(self.outputs[key][0].uri)

    def properties(self, key: str) -> dict[str, str | int]:
        """The custom properties of the one artifact of an output."""
        return {
            name: value.string_value or value.int_value
            for name, value in self.outputs[key][0].custom_properties.items()
        }


class StepFailedError(errors.PipelineError):
    """A step failed for a reason that is not the user's doing."""


class Listener(Protocol):
    """Who is told of the steps."""

    def started(self, name: str) -> None:
        """A step begins."""

    def ended(self, step: Step) -> None:
        """A step came to its end."""

    def failed(self, name: str, seconds: float) -> None:
        """A step broke off."""


def run(pipeline: Pipeline, run_id: str, steps: list[Step], listener: Listener) -> None:
    """Runs every step in order; those whose inputs and settings are unchanged come from cache.

    Args:
      pipeline: from dag.build.
      run_id: names the run in MLMD.
      steps: gets what each step did, in order, also when a later one fails.
      listener: told of each step.

    Raises:
      errors.UserError: a step refused the data; the message is the step's own.
      StepFailedError: a step failed; the message names it and the cause in one line.
    """
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    with _observed(steps, listener):
        local_dag_runner.LocalDagRunner().run_with_ir(ir)


@contextmanager
def _observed(steps: list[Step], listener: Listener) -> Iterator[None]:
    """Puts an observer around every launch of a node: the runner itself has no hooks."""
    original = launcher.Launcher

    class Observed(original):  # type: ignore[misc, valid-type]
        def launch(self) -> Any:
            if self._system_node_handler:  # resolvers look artifacts up; they do no work
                return super().launch()
            self.step = Step(self._pipeline_node.node_info.id)
            steps.append(self.step)
            listener.started(self.step.name)
            start = time.monotonic()
            try:
                execution = super().launch()
            except Exception as error:
                logging.exception("%s failed", self.step.name)
                self.step.seconds = time.monotonic() - start
                listener.failed(self.step.name, self.step.seconds)
                raise _explained(self.step.name, error) from error
            self.step.seconds = time.monotonic() - start
            self.step.outputs = _outputs(self._mlmd_connection, execution.execution_id)
            listener.ended(self.step)
            return execution

        def _run_executor(self, execution_info: Any) -> Any:
            self.step.cached = False
            return super()._run_executor(execution_info)

    launcher.Launcher = Observed
    try:
        yield
    finally:
        launcher.Launcher = original


def _outputs(connection: metadata.Metadata, execution_id: int) -> dict[str, list[Any]]:
    with connection as handle:
        store = handle.store
        events = [
            event
            for event in store.get_events_by_execution_ids([execution_id])
            if event.type in (event.OUTPUT, event.INTERNAL_OUTPUT)
        ]
        artifacts = {
            artifact.id: artifact
            for artifact in store.get_artifacts_by_id([event.artifact_id for event in events])
        }
    outputs: dict[str, list[Any]] = {}
    for event in events:
        outputs.setdefault(event.path.steps[0].key, []).append(artifacts[event.artifact_id])
    return outputs


def _explained(name: str, error: BaseException) -> errors.PipelineError:
    """The user's error inside, however deep it was wrapped, or one line on the step's failure."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, errors.PipelineError):
            return cause
        cause = cause.__cause__ or cause.__context__
    lines = [line for line in str(error).splitlines() if line.strip()] or ["no message"]
    # "in user code:" and the like announce a traceback; the cause then stands at its end.
    line = lines[-1] if lines[0].endswith(":") else lines[0]
    return StepFailedError(f"{name} failed: {type(error).__name__}: {line.strip()}")
