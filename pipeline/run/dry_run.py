"""The dry run: finds what a run would do and why, without doing it.

TFX itself decides what comes from the cache: its launcher prepares every step on a copy of ML
Metadata in a temporary folder, and is stopped before the step. The output of such a step is not
known, so the steps that take it would run too: TFX caches by the identity of artifacts.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tfx.dsl.compiler import constants
from tfx.orchestration import metadata
from tfx.orchestration.local import local_dag_runner
from tfx.orchestration.pipeline import Pipeline
from tfx.orchestration.portable import data_types, launcher
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from pipeline import output_folder
from pipeline.history import database
from pipeline.run import partial_run, rerun_reasons, runner
from pipeline.settings import step_selection as run_parts

RUN_ID = "dry-run"


@dataclass(frozen=True)
class Plan:
    """The plan for a step.

    Attributes:
      step: its name.
      action: whether it would run, come from the cache or be left out.
      reason: the reason for that.
    """

    step: str
    action: Literal["run", "cached", "left out"]
    reason: str = ""


def plan(pipeline: Pipeline, parts: run_parts.Parts, scratch: Path) -> list[Plan]:
    """Determines what a run would do.

    Args:
      pipeline: from dag.build; it can no longer be run afterwards.
      parts: the requested steps.
      scratch: a folder for the copy of ML Metadata.

    Raises:
      errors.UserError: no earlier run finished the steps that are left out.
    """
    folder = output_folder.OutputFolder(scratch)
    database.copy(Path(pipeline.metadata_connection_config.sqlite.filename_uri), folder.metadata)
    pipeline.metadata_connection_config = database.connection_config(folder.metadata)
    ir = runner.compiled(pipeline, RUN_ID)
    # TFX creates folders here; no cache key depends on it.
    ir.runtime_spec.pipeline_root.field_value.string_value = str(folder.artifacts)
    with metadata.Metadata(pipeline.metadata_connection_config) as handle:
        options = partial_run.mark(ir, parts, handle.store)
    planner = _Planner(ir, parts)
    with runner.replaced_launcher(type("Planned", (_Planned,), {"planner": planner})):
        local_dag_runner.LocalDagRunner().run_with_ir(ir, run_options=options)
    return planner.all()


def show(plans: list[Plan], console: Console) -> None:
    """Prints the plans, one a line."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    words = {
        "run": ("would run", "bold"),
        "cached": ("cached", "dim"),
        "left out": ("left out", "dim"),
    }
    for one in plans:
        word, style = words[one.action]
        table.add_row(Text(one.step), Text(word, style=style), Text(one.reason))
    console.print(table)
    count = sum(one.action == "run" for one in plans)
    console.print(f"{count} of {len(plans)} steps would run. Nothing was written.")


class _Planner:
    """Collects the plans of the steps, in their order."""

    def __init__(self, ir: pipeline_pb2.Pipeline, parts: run_parts.Parts) -> None:
        self._nodes = [node.pipeline_node for node in ir.nodes]
        self._pipeline = ir.pipeline_info.id
        self._forced = set(parts.forced)
        self._plans: dict[str, Plan] = {}
        self._unknown: set[str] = set()  # nodes whose output is not known

    def all(self) -> list[Plan]:
        """Returns the plan of each step."""
        names = [
            node.node_info.id
            for node in self._nodes
            if node.node_info.type.name not in runner.SYSTEM_NODES
        ]
        return [self._plans.get(name, Plan(name, "left out")) for name in names]

    def waits_for(self, node: pipeline_pb2.PipelineNode) -> list[str]:
        """Returns the nodes that would run and whose output a node takes."""
        producers = {
            channel.producer_node_query.id
            for given in node.inputs.inputs.values()
            for channel in given.channels
        }
        return [
            one.node_info.id for one in self._nodes if one.node_info.id in producers & self._unknown
        ]

    def skip(self, node: pipeline_pb2.PipelineNode, upstream: list[str]) -> None:
        """Records that a node takes an output that does not exist yet."""
        name = node.node_info.id
        self._unknown.add(name)
        if node.node_info.type.name not in runner.SYSTEM_NODES:
            steps = [one for one in upstream if one in self._plans]
            self._plans[name] = Plan(name, "run", f"takes what {_listed(steps)} will make")

    def note(self, node: pipeline_pb2.PipelineNode, prepared: Any, store: Any) -> None:
        """Records what TFX prepared for a node."""
        name = node.node_info.id
        if prepared.execution_metadata is not None and not prepared.is_execution_needed:
            self._plans[name] = Plan(name, "cached")
            return
        self._unknown.add(name)
        reason = "forced" if name in self._forced else self._reason(name, prepared, store)
        self._plans[name] = Plan(name, "run", reason)

    def _reason(self, name: str, prepared: Any, store: Any) -> str:
        execution_id = prepared.execution_info.execution_id
        context = store.get_context_by_type_and_name(
            constants.NODE_CONTEXT_TYPE_NAME, f"{self._pipeline}.{name}"
        )
        good = [
            one
            for one in store.get_executions_by_context(context.id)
            if execution_lib.is_execution_successful(one) and one.id != execution_id
        ]
        (now,) = store.get_executions_by_id([execution_id])
        last = max(good, key=lambda one: one.create_time_since_epoch, default=None)
        return rerun_reasons.why(
            _parameters(last) if last else None,
            _parameters(now),
            _inputs(store, last.id) if last else {},
            _inputs(store, now.id),
        )


class _Planned(launcher.Launcher):  # type: ignore[misc]
    """A launcher that stops before the step itself."""

    planner: ClassVar[_Planner]

    def launch(self) -> Any:
        node = self._pipeline_node
        upstream = self.planner.waits_for(node)
        if upstream:
            self.planner.skip(node, upstream)
            return data_types.ExecutionInfo()
        if self._system_node_handler:
            return super().launch()
        prepared = self._prepare_execution()
        with self._mlmd_connection as handle:
            self.planner.note(node, prepared, handle.store)
        return prepared.execution_info


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def _parameters(execution: Any) -> dict[str, Any]:
    """Returns the parameters of an execution, without TFX's internal ones."""
    found = {}
    for name, value in (*execution.properties.items(), *execution.custom_properties.items()):
        if not name.startswith("__"):
            found[name] = getattr(value, value.WhichOneof("value"))
    return found


def _inputs(store: Any, execution_id: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in store.get_events_by_execution_ids([execution_id]):
        if event.type == event.INPUT:
            found.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
    return {key: sorted(ids) for key, ids in found.items()}
