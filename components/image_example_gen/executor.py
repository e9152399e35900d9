"""Beam adapter of ingest: names of files and shards cross the shuffle, images never do."""

import functools
import os
from typing import Any

import apache_beam as beam
from apache_beam.options import pipeline_options
from google.protobuf import wrappers_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import proto_utils

from components.image_example_gen import (
    config,
    ingest,
    inspection,
    intake,
    masks,
    passes,
    report,
)
from data import progress
from data.examples import examples_artifact
from data.images import value_range
from data.splits import split


class _Inspect(beam.DoFn):  # type: ignore[misc]
    """Inspects a bundle of tasks; the results go to the index, which all workers share."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments  # of the Inspector

    def setup(self) -> None:
        self._inspector = inspection.Inspector(*self._arguments)

    def process(self, bundle: inspection.Bundle) -> list[None]:
        self._inspector.inspect(bundle.tasks)
        return []

    def teardown(self) -> None:
        self._inspector.close()


class _ConvertMasks(beam.DoFn):  # type: ignore[misc]
    """Converts a bundle of masks; the results go to the store, which all workers share."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments  # of the Converter

    def setup(self) -> None:
        self._converter = masks.Converter(*self._arguments)

    def process(self, bundle: masks.Bundle) -> list[None]:
        self._converter.convert(bundle.tasks)
        return []

    def teardown(self) -> None:
        self._converter.close()


class _WriteShard(beam.DoFn):  # type: ignore[misc]
    """Writes a (split, shard); the report on its images is written into the artifact."""

    def __init__(self, writer: ingest.ShardWriter) -> None:
        self._writer = writer

    def process(self, shard: tuple[str, int]) -> list[None]:
        self._writer.write(*shard)
        return []


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
        workspace = inspection.Workspace.of(job)
        ledger = split.load_ledger(workspace.ledger)  # refused before hours of decoding
        with intake.unused_list(job.state_dir, examples.uri) as note:
            listing = intake.listed(root, job, note)
            inspected = passes.inspect(listing, job, functools.partial(self._look, root, job))
            annotated = self._annotated(root, job, inspected)
            plan = ingest.plan(
                annotated.listing if annotated else listing,
                annotated.rows if annotated else inspected.rows,
                job,
                ledger,
                note,
                annotated.paths if annotated else {},
            )
        workspace.remember(inspected.listed, plan.ledger)
        if annotated:
            masks.prune(job, annotated.paths.values())
        self._write(ingest.ShardWriter(root, examples.uri, job, plan.shard_counts), plan)
        outcome = ingest.finish(plan, listing, job, examples.uri, inspected)
        outcome.masks = annotated.report if annotated else None
        examples_artifact.write_report(examples.uri, outcome)
        # TFX deletes the artifact of a step that fails; this copy can still be read.
        report.check(outcome, listing, examples_artifact.write_report(job.state_dir, outcome))
        examples.split_names = artifact_utils.encode_split_names(list(split.SPLITS))

    def _annotated(
        self, root: str, job: config.IngestJob, inspected: passes.Inspected
    ) -> masks.Annotated | None:
        """Converts the masks of the images, where they have some."""
        if job.masks is None:
            return None
        work = masks.bundles(inspected.listing, inspected.rows, job)
        if work:
            progress.start(masks.TASK, total=sum(len(bundle.tasks) for bundle in work))
            decoders = max(1, (os.cpu_count() or 1) // _workers_a_machine(self._beam_pipeline_args))
            with self._make_beam_pipeline() as pipeline:
                _ = (
                    pipeline
                    | "NewMasks" >> beam.Create(work)
                    | "Spread" >> beam.Reshuffle()
                    | "Convert" >> beam.ParDo(_ConvertMasks(root, job, decoders))
                )
        return masks.annotate(inspected.listing, inspected.rows, job)

    def _look(
        self, root: str, job: config.IngestJob, tasks: passes.Tasks, scale: value_range.Scale
    ) -> None:
        decoders = max(1, (os.cpu_count() or 1) // _workers_a_machine(self._beam_pipeline_args))
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "NewFiles" >> beam.Create(inspection.bundles(tasks))
                # Without this, Beam fuses listing and reading into one bundle on one worker.
                | "Spread" >> beam.Reshuffle()
                | "Inspect" >> beam.ParDo(_Inspect(root, job, decoders, scale))
            )

    def _write(self, writer: ingest.ShardWriter, plan: ingest.Plan) -> None:
        progress.start(ingest.TASK, total=len(plan.images))
        examples_artifact.write_catalog(writer.output_uri, plan.images, plan.shard_counts)
        with self._make_beam_pipeline() as pipeline:
            _ = (
                pipeline
                | "Shards" >> beam.Create(plan.shards())
                | "Spread" >> beam.Reshuffle()
                | "WriteShard" >> beam.ParDo(_WriteShard(writer))
            )


def _workers_a_machine(arguments: list[str]) -> int:
    """Returns the number of worker processes that share a machine's cores."""
    options = pipeline_options.PipelineOptions(arguments)
    local = options.view_as(pipeline_options.DirectOptions).direct_num_workers
    portable = options.view_as(pipeline_options.PortableOptions).sdk_worker_parallelism
    return max(1, int(local), int(portable))


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
