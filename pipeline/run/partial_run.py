"""Partial runs: the steps that are left out, and the run whose output replaces theirs."""

import ml_metadata
from tfx.dsl.compiler import constants
from tfx.orchestration.portable import partial_run_utils
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import pipeline_pb2

from data import errors
from pipeline.settings import step_selection as run_parts


def mark(
    ir: pipeline_pb2.Pipeline, parts: run_parts.Parts, store: ml_metadata.MetadataStore
) -> pipeline_pb2.RunOptions | None:
    """Marks the forced steps, and finds the run that provides the output of those left out.

    Args:
      ir: the compiled pipeline; forced steps no longer use the cache.
      parts: the requested steps.
      store: ML Metadata of the output folder.

    Returns:
      The options for TFX's runner; None if all steps are requested.

    Raises:
      errors.UserError: no earlier run finished the steps that are left out.
    """
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    for step in parts.forced:
        nodes[step].execution_options.caching_options.enable_cache = False
    if parts.whole:
        return None
    options = pipeline_pb2.RunOptions()
    options.partial_run.from_nodes.extend([parts.first] if parts.first else [])
    options.partial_run.to_nodes.extend([parts.last] if parts.last else [])
    needed = left_out(ir, parts)
    settings = options.partial_run.snapshot_settings
    if not needed:
        partial_run_utils.set_latest_pipeline_run_strategy(settings)
        return options
    found = last_good_run(store, ir.pipeline_info.id, needed)
    if found is None:
        raise errors.UserError(
            f"--from {parts.first} takes the output of {', '.join(needed)} from an earlier run,"
            f" and no run on this output folder finished all of {_them(needed)}."
            " Run without --from first."
        )
    partial_run_utils.set_base_pipeline_run_strategy(settings, found)
    return options


def left_out(ir: pipeline_pb2.Pipeline, parts: run_parts.Parts) -> list[str]:
    """Returns the nodes before the requested ones whose output these need, in order."""
    nodes = {node.pipeline_node.node_info.id: node.pipeline_node for node in ir.nodes}
    ordered = list(nodes)
    from_nodes = [parts.first] if parts.first else ordered
    to_nodes = [parts.last] if parts.last else ordered
    running = _reach(nodes, from_nodes, "downstream_nodes")
    running &= _reach(nodes, to_nodes, "upstream_nodes")
    upstream = _reach(nodes, sorted(running), "upstream_nodes")
    return [name for name in ordered if name in upstream - running]


def last_good_run(store: ml_metadata.MetadataStore, pipeline: str, needed: list[str]) -> str | None:
    """Returns the latest run in which all of some nodes finished; None if there is none."""
    context = store.get_context_by_type_and_name(constants.PIPELINE_CONTEXT_TYPE_NAME, pipeline)
    if context is None:
        return None
    runs = [
        run
        for run in store.get_children_contexts_by_context(context.id)
        if run.type == constants.PIPELINE_RUN_CONTEXT_TYPE_NAME
    ]
    for run in sorted(runs, key=lambda one: one.create_time_since_epoch, reverse=True):
        finished = set()
        for execution in store.get_executions_by_context(run.id):
            if execution_lib.is_execution_successful(execution):
                finished |= {
                    one.name.removeprefix(f"{pipeline}.")
                    for one in store.get_contexts_by_execution(execution.id)
                    if one.type == constants.NODE_CONTEXT_TYPE_NAME
                }
        if finished.issuperset(needed):
            return str(run.name)
    return None


def _reach(
    nodes: dict[str, pipeline_pb2.PipelineNode], start: list[str], direction: str
) -> set[str]:
    found: set[str] = set()
    waiting = list(start)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += getattr(nodes[name], direction)
    return found


def _them(names: list[str]) -> str:
    return "it" if len(names) == 1 else "them"
