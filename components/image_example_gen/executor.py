"""The Beam door of ingest: paths cross the shuffle, image bytes never do."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import apache_beam as beam
from google.protobuf import wrappers_pb2
from tfx.dsl.components.base import base_beam_executor
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils, proto_utils

from components.image_example_gen import config, ingest
from data import folder, labels, progress, split

REJECTED = "rejected"


class _Route(beam.DoFn):  # type: ignore[misc]
    """Image file → ((split, shard), (digest, file)); what cannot be read goes to REJECTED."""

    def __init__(self, job: ingest.Ingest) -> None:
        self._ingest = job

    def process(self, file: folder.ImageFile) -> Iterator[Any]:
        routed = self._ingest.route(file)
        if isinstance(routed, ingest.Quarantined):
            yield beam.pvalue.TaggedOutput(REJECTED, ingest.Report(quarantined=[routed]))
        else:
            name, shard, digest = routed
            yield (name, shard), (digest, file)


class _WriteShard(beam.DoFn):  # type: ignore[misc]
    """((split, shard), files) → a report of what became of them."""

    def __init__(self, job: ingest.Ingest) -> None:
        self._ingest = job

    def process(
        self, group: tuple[tuple[str, int], Iterable[tuple[str, folder.ImageFile] | None]]
    ) -> Iterator[ingest.Report]:
        (name, shard), files = group
        yield self._ingest.write_shard(name, shard, (file for file in files if file is not None))


class Executor(base_beam_executor.BaseBeamExecutor):
    """Runs an ingest on whatever engine the Beam arguments name."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """See the base class. Writes the splits, the label map and the reports."""
        self._log_startup(input_dict, output_dict, exec_properties)
        examples = artifact_utils.get_single_instance(output_dict["examples"])
        root, job = _unpack(exec_properties)
        listing = folder.scan(root)
        plan = ingest.plan(root, examples.uri, job, listing)
        progress.start(ingest.TASK, total=len(listing.files))
        report_path = os.path.join(examples.uri, ingest.REPORT_FILE)
        with self._make_beam_pipeline() as pipeline:
            _build(pipeline, plan, listing, report_path)
        report = ingest.Report.read(examples.uri)
        quarantine_path = os.path.join(examples.uri, ingest.QUARANTINE_FILE)
        io_utils.write_string_file(quarantine_path, report.quarantine_csv())
        io_utils.write_string_file(
            os.path.join(examples.uri, labels.FILE), labels.to_json(job.labels)
        )
        ingest.check(report, listing, quarantine_path)
        examples.split_names = artifact_utils.encode_split_names(list(split.SPLITS))


def _build(
    pipeline: beam.Pipeline, plan: ingest.Ingest, listing: folder.Listing, report_path: str
) -> None:
    routed = (
        pipeline
        | "List" >> beam.Create(listing.files)
        # Without this, listing and reading fuse into one bundle on one worker.
        | "Spread" >> beam.Reshuffle()
        | "Route" >> beam.ParDo(_Route(plan)).with_outputs(REJECTED, main="routed")
    )
    # A shard that no image falls into is written all the same: readers expect every file.
    shards = [((name, i), None) for name, count in plan.shard_counts.items() for i in range(count)]
    written = (
        (routed.routed, pipeline | "Shards" >> beam.Create(shards))
        | "WithEmptyShards" >> beam.Flatten()
        | "ByShard" >> beam.GroupByKey()
        | "WriteShard" >> beam.ParDo(_WriteShard(plan))
    )
    _ = (
        (written, routed[REJECTED])
        | "AllReports" >> beam.Flatten()
        | "Gather" >> beam.combiners.ToList()
        | "Merge" >> beam.Map(ingest.merge)
        | "WriteReport"
        >> beam.Map(lambda report: io_utils.write_string_file(report_path, report.to_json()))
    )


def _unpack(exec_properties: dict[str, Any]) -> tuple[str, config.IngestJob]:
    """The folder that the driver resolved (a span's, where there are spans), and the job."""
    input_config = example_gen_pb2.Input()
    proto_utils.json_to_proto(exec_properties["input_config"], input_config)
    pattern = os.path.dirname(input_config.splits[0].pattern)
    root = os.path.join(exec_properties["input_base"], pattern).rstrip("/")
    custom = example_gen_pb2.CustomConfig()
    proto_utils.json_to_proto(exec_properties["custom_config"], custom)
    packed = wrappers_pb2.StringValue()
    custom.custom_config.Unpack(packed)
    return root, config.IngestJob.model_validate_json(packed.value)
