"""Runs the pipeline with TFX's LocalDagRunner: retries, timeouts and events of each step."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from data import errors
from pipeline.run import failures, partial_run, recovery, timeouts
from pipeline.settings import run_config
from pipeline.settings import step_selection as run_parts

SYSTEM_NODES = frozenset({"tfx.dsl.components.common.resolver.Resolver"})


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
        """Returns the folder of the single artifact of an output."""
        return str(self.outputs[key][0].uri)

    def properties(self, key: str) -> dict[str, str | int]:
        """Returns the custom properties of the single artifact of an output."""
        return {
            name: value.string_value or value.int_value
            for name, value in self.outputs[key][0].custom_properties.items()
        }


class StepFailedError(errors.PipelineError):
    """A step failed for a reason that the user did not cause."""


class Listener(Protocol):
    """A receiver of the events of steps."""

    def started(self, name: str) -> None:
        """Is called when a step begins."""

    def ended(self, step: Step) -> None:
        """Is called when a step has finished."""

    def failed(self, name: str, seconds: float) -> None:
        """Is called when a step has failed."""

    def retrying(self, name: str, reason: str) -> None:
        """Is called when a step met a transient error, and is tried again after a while."""


@dataclass(frozen=True)
class Guard:
    """The handling of failures.

    Attributes:
      config: retries and timeouts.
      output: the output folder, for messages.
      give_up: called from another thread if a step does not end at its timeout; the process ends
        afterwards.
    """

    config: run_config.RunConfig
    output: Path
    give_up: Callable[[errors.PipelineError], object]


def recover(pipeline: Pipeline) -> list[recovery.Killed]:
    """Cleans up after killed runs; the caller must hold the lock of the output folder."""
    artifacts = Path(pipeline.pipeline_info.pipeline_root).parent
    with metadata.Metadata(pipeline.metadata_connection_config) as handle:
        return recovery.clear(handle.store, artifacts)


def compiled(pipeline: Pipeline, run_id: str) -> pipeline_pb2.Pipeline:
    """Returns a pipeline as TFX runs it."""
    ir = compiler.Compiler().compile(pipeline)
    runtime_parameter_utils.substitute_runtime_parameter(
        ir, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    return ir


def run(
    pipeline: Pipeline,
    run_id: str,
    steps: list[Step],
    listener: Listener,
    guard: Guard,
    parts: run_parts.Parts = run_parts.WHOLE,
) -> None:
    """Runs every step in order; steps with unchanged inputs and settings come from the cache.

    Args:
      pipeline: from dag.build.
      run_id: the name of the run in MLMD.
      steps: receives the result of each step, in order, also if a later one fails.
      listener: receives the events of each step.
      guard: the handling of failures.
      parts: the requested steps.

    Raises:
      errors.UserError: a step refused the data, with the step's own message; or no earlier run
        finished the steps that are left out.
      errors.PipelineError: a disk is full, or a step took too long or failed; the message names
        the step and the cause in one line.
    """
    ir = compiled(pipeline, run_id)
    with metadata.Metadata(pipeline.metadata_connection_config) as handle:
        options = partial_run.mark(ir, parts, handle.store)
    watch = _Watch(ir, steps, listener, guard)
    with replaced_launcher(type("Observer", (_Observer,), {"watch": watch})):
        local_dag_runner.LocalDagRunner().run_with_ir(ir, run_options=options)


@contextmanager
def replaced_launcher(replacement: type) -> Iterator[None]:
    """Makes TFX launch nodes by another class, since its runner has no hooks."""
    original = launcher.Launcher
    launcher.Launcher = replacement
    try:
        yield
    finally:
        launcher.Launcher = original


@dataclass
class _Watch:
    """The state of a run's observer."""

    ir: pipeline_pb2.Pipeline
    steps: list[Step]
    listener: Listener
    guard: Guard
    told_of_reused: bool = False


class _Observer(launcher.Launcher):  # type: ignore[misc]
    """A launcher that reports each node, limits its time and retries it."""

    watch: ClassVar[_Watch]

    def launch(self) -> Any:
        if self._system_node_handler:  # resolvers only look up artifacts
            return super().launch()
        self._tell_of_reused()
        listener, guard = self.watch.listener, self.watch.guard
        self.step = Step(self._pipeline_node.node_info.id)
        self.watch.steps.append(self.step)
        listener.started(self.step.name)
        start = time.monotonic()
        try:
            execution = self._tries()
        except Exception as error:
            logging.exception("%s failed", self.step.name)
            self.step.seconds = time.monotonic() - start
            listener.failed(self.step.name, self.step.seconds)
            raise _explained(self.step.name, error, guard.output) from error
        self.step.seconds = time.monotonic() - start
        self.step.outputs = _outputs(self._mlmd_connection, execution.execution_id)
        listener.ended(self.step)
        return execution

    def _tell_of_reused(self) -> None:
        """Reports reused steps at the first step: only now has TFX linked their earlier output."""
        if not self.watch.told_of_reused:
            self.watch.told_of_reused = True
            for step in _reused(self._mlmd_connection, self.watch.ir):
                self.watch.steps.append(step)
                self.watch.listener.ended(step)

    def _tries(self) -> Any:
        name, config = self.step.name, self.watch.guard.config
        limits = config.timeout_of(name), config.timeout_grace_s
        retry = 0
        while True:
            try:
                with timeouts.limit(name, *limits, self.watch.guard.give_up):
                    return super().launch()
            except Exception as error:
                retry += 1
                if retry > config.retries or failures.kind(error) != failures.Kind.TRANSIENT:
                    raise
                wait_s = config.wait_before(retry)
                logging.exception("%s is tried again in %g s", name, wait_s)
                attempt = f"retry {retry} of {config.retries} in {wait_s:g} s"
                self.watch.listener.retrying(name, f"{failures.one_line(error)}; {attempt}")
                time.sleep(wait_s)

    def _register_or_reuse_execution(self, metadata_handle: Any, **arguments: Any) -> Any:
        execution = super()._register_or_reuse_execution(metadata_handle, **arguments)
        # A retry reuses the failed execution; if it were killed, only RUNNING would show that.
        if execution.last_known_state == metadata_store_pb2.Execution.FAILED:
            execution.last_known_state = metadata_store_pb2.Execution.RUNNING
            metadata_handle.store.put_executions([execution])
        return execution

    def _run_executor(self, execution_info: Any) -> Any:
        self.step.cached = False
        return super()._run_executor(execution_info)


def _reused(connection: metadata.Metadata, ir: pipeline_pb2.Pipeline) -> list[Step]:
    """Returns the steps left out of a partial run whose output comes from an earlier run."""
    found = {}
    run_id = ir.runtime_spec.pipeline_run_id.field_value.string_value
    with connection as handle:
        store = handle.store
        context = store.get_context_by_type_and_name(
            constants.PIPELINE_RUN_CONTEXT_TYPE_NAME, run_id
        )
        for execution in store.get_executions_by_context(context.id) if context else ():
            if execution_lib.is_execution_successful(execution):
                for one in store.get_contexts_by_execution(execution.id):
                    if one.type == constants.NODE_CONTEXT_TYPE_NAME:
                        found[one.name] = execution.id
    steps = []
    for node in ir.nodes:
        info, options = node.pipeline_node.node_info, node.pipeline_node.execution_options
        execution_id = found.get(f"{ir.pipeline_info.id}.{info.id}")
        if options.HasField("skip") and execution_id and info.type.name not in SYSTEM_NODES:
            steps.append(Step(info.id, outputs=_outputs(connection, execution_id)))
    return steps


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


def _explained(name: str, error: BaseException, output: Path) -> errors.PipelineError:
    """Returns the wrapped user error, or an error with one line on the step's failure."""
    if failures.kind(error) == failures.Kind.NO_SPACE:
        return failures.no_space(error, output)
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, errors.PipelineError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return StepFailedError(f"{name} failed: {failures.one_line(error)}")
