"""Beam adapter of ingest: names of files and shards cross the shuffle, images never do."""

import os
from typing import Any

from google.protobuf import wrappers_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.image_example_gen import (
    beam_workers,
    config,
    corrected,
    first_pass,
    index_update,
    input_folder,
    masks,
    report_checks,
    second_pass,
)
from data.corrections import applying
from data.examples import examples_artifact
from data.splits import split


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs an ingest on the engine that the Beam arguments name."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Writes the splits, the catalog, the label map and the reports; see the base class."""
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        root, job = _unpack(exec_properties)
        workers = beam_workers.Workers(
            self._make_beam_pipeline, self._beam_pipeline_args, root, job
        )
        workspace = first_pass.Workspace.of(job)
        ledger = split.load_ledger(workspace.ledger)  # refused before hours of decoding
        with input_folder.unused_list(job.state_dir, examples.uri) as note:
            listing = input_folder.listed(root, job, note)
            inspected = index_update.inspect(listing, job, workers.look)
            decided = corrected.apply(listing, inspected.rows, job)
            found = masks.annotated(decided.listing, decided.rows, job, workers.convert)
            plan = second_pass.plan(found.listing, found.rows, job, ledger, note, found.paths)
        workspace.remember(inspected.listed, plan.ledger)
        masks.prune(job, found.paths.values())
        workers.write(examples.uri, plan)
        outcome = second_pass.finish(plan, listing, job, examples.uri, inspected)
        outcome.masks = found.report
        outcome.corrections = decided.applied((one.path, one.split) for one in plan.images)
        examples_artifact.write_report(examples.uri, outcome)
        # TFX deletes the artifact of a step that fails; this copy can still be read.
        report_checks.check(
            outcome, listing, examples_artifact.write_report(job.state_dir, outcome)
        )
        _note(examples, outcome.corrections)
        examples.split_names = artifact_utils.encode_split_names(list(split.SPLITS))


def _note(examples: Any, done: applying.Applied) -> None:
    """Counts the corrections in ML Metadata."""
    if done.sentence():
        examples.set_int_custom_property("corrected_labels", len(done.relabelled))
        examples.set_int_custom_property("dropped_images", done.dropped)
        examples.set_int_custom_property("idle_corrections", len(done.idle))


def _unpack(exec_properties: dict[str, Any]) -> tuple[str, config.IngestJob]:
    """Returns the folder that the driver resolved, and the job."""
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties["input_config"], input_config)
    pattern = os.path.dirname(input_config.splits[0].pattern)
    root = os.path.join(exec_properties["input_base"], pattern).rstrip("/")
    custom = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties["custom_config"], custom)
    packed = wrappers_pb2.StringValue()
    custom.custom_config.Unpack(packed)
    return root, config.IngestJob.model_validate_json(packed.value)
