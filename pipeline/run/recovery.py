"""Cleans up what a killed run left in ML Metadata and on disk, before the next run begins.

The caller must hold the lock of the output folder: every execution recorded as running there was
killed.
"""

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import ml_metadata
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import constants
from tfx.orchestration.portable.mlmd import execution_lib
from tfx.proto.orchestration import execution_result_pb2

_UNFINISHED = (metadata_store_pb2.Execution.NEW, metadata_store_pb2.Execution.RUNNING)
_SYSTEM = ".system"
_CANCELLED = 1  # of gRPC's codes


@dataclass(frozen=True)
class Killed:
    """An execution whose run was killed.

    Attributes:
      step: its name.
      execution_id: in ML Metadata.
      deleted: its deleted folders.
    """

    step: str
    execution_id: int
    deleted: tuple[Path, ...]


def clear(store: ml_metadata.MetadataStore, artifacts: Path) -> list[Killed]:
    """Marks the executions of killed runs as failed, and deletes their unfinished output.

    A folder is deleted only if it is named by the id of such an execution in ML Metadata, lies in
    the folder of its step, and no artifact is recorded in it.

    Args:
      store: of the output folder.
      artifacts: the folder of all pipelines' artifacts.

    Returns:
      The repaired executions, oldest first.
    """
    found = []
    executions = [one for one in store.get_executions() if one.last_known_state in _UNFINISHED]
    for execution in sorted(executions, key=lambda one: one.id):
        contexts = store.get_contexts_by_execution(execution.id)
        names = {context.type: context.name for context in contexts}
        pipeline = names.get(constants.PIPELINE_CONTEXT_TYPE_NAME, "")
        node = names.get(constants.NODE_CONTEXT_TYPE_NAME, "").removeprefix(f"{pipeline}.")
        deleted = []
        if pipeline and node:
            for folder in _folders(execution, artifacts / pipeline / node):
                if not store.get_artifacts_by_uri(str(folder)):
                    shutil.rmtree(folder)
                    deleted.append(folder)
        _abandon_artifacts(store, execution.id)
        execution_lib.set_execution_result(
            execution_result_pb2.ExecutionResult(
                code=_CANCELLED, result_message="The run was killed."
            ),
            execution,
        )
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
        store.put_executions([execution])
        logging.info("Execution %d of %s was killed; deleted %s", execution.id, node, deleted)
        found.append(Killed(node, execution.id, tuple(deleted)))
    return found


def _folders(execution: metadata_store_pb2.Execution, step: Path) -> list[Path]:
    """Returns the existing folders of an execution below the folder of its step."""
    keys = [entry.name for entry in os.scandir(step) if entry.is_dir()] if step.is_dir() else []
    folders = [step / key / str(execution.id) for key in keys if key != _SYSTEM]
    folders.append(step / _SYSTEM / "executor_execution" / str(execution.id))
    return [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]


def _abandon_artifacts(store: ml_metadata.MetadataStore, execution_id: int) -> None:
    """Marks artifacts that were announced but never made, so that no run uses them."""
    announced = [
        event.artifact_id
        for event in store.get_events_by_execution_ids([execution_id])
        if event.type in (event.OUTPUT, event.PENDING_OUTPUT)
    ]
    pending = [
        artifact
        for artifact in store.get_artifacts_by_id(announced)
        if artifact.state == metadata_store_pb2.Artifact.PENDING
    ]
    for artifact in pending:
        artifact.state = metadata_store_pb2.Artifact.ABANDONED
    if pending:
        store.put_artifacts(pending)
