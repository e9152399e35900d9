"""Beam adapter of ingest's work: bundles of files and names of shards, spread over the workers."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.options import pipeline_options

from components.image_example_gen import config, first_pass, index_update, masks, second_pass
from data import progress
from data.examples import examples_artifact
from data.images import value_range


class _Work(beam.DoFn):  # type: ignore[misc]
    """Does the work of a key; the results go to files."""

    def process(self, keyed: tuple[int, Iterable[Any]]) -> None:
        for one in keyed[1]:
            self.do(one)


class _Inspect(_Work):
    """Inspects a bundle of tasks; the results go to the index, which all workers share."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments  # of the Inspector

    def setup(self) -> None:
        self._inspector = first_pass.Inspector(*self._arguments)

    def do(self, bundle: bytes) -> None:
        self._inspector.inspect(first_pass.tasks_of(bundle))

    def teardown(self) -> None:
        self._inspector.close()


class _ConvertMasks(_Work):
    """Converts a bundle of masks; the results go to the store, which all workers share."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments  # of the Converter

    def setup(self) -> None:
        self._converter = masks.Converter(*self._arguments)

    def do(self, bundle: masks.Bundle) -> None:
        self._converter.convert(bundle.tasks)

    def teardown(self) -> None:
        self._converter.close()


class _WriteShard(_Work):
    """Writes a (split, shard); the report on its images is written into the artifact."""

    def __init__(self, writer: second_pass.ShardWriter) -> None:
        self._writer = writer

    def do(self, shard: tuple[str, int]) -> None:
        self._writer.write(*shard)


class Workers:
    """Runs the parts of an ingest on an engine.

    Args:
      make_pipeline: returns a new Beam pipeline.
      arguments: the Beam arguments, which name the engine.
      root: the data folder.
      job: the settings.
    """

    def __init__(
        self,
        make_pipeline: Callable[[], Any],
        arguments: list[str],
        root: str,
        job: config.IngestJob,
    ) -> None:
        self._make_pipeline, self._root, self._job = make_pipeline, root, job
        self._decoders = max(1, (os.cpu_count() or 1) // _workers_a_machine(arguments))

    def look(self, tasks: index_update.Tasks, scale: value_range.Scale) -> None:
        """Inspects files, see index_update.inspect."""
        does = _Inspect(self._root, self._job, self._decoders, scale)
        self._run("Inspect", first_pass.bundles(tasks), does)

    def convert(self, work: Sequence[masks.Bundle]) -> None:
        """Converts masks, see masks.annotated."""
        self._run("Convert", work, _ConvertMasks(self._root, self._job, self._decoders))

    def write(self, uri: str, plan: second_pass.Plan) -> None:
        """Writes the shards of a plan into an artifact."""
        progress.start(second_pass.TASK, total=len(plan.images))
        examples_artifact.write_catalog(uri, plan.images, plan.shard_counts)
        writes = _WriteShard(second_pass.ShardWriter(self._root, uri, self._job, plan.shard_counts))
        self._run("WriteShard", plan.shards(), writes)

    def _run(self, name: str, work: Sequence[Any], does: beam.DoFn) -> None:
        with self._make_pipeline() as pipeline:
            # A step, and a type to infer, cost Beam some 25 ms; Create and Reshuffle have nine steps.
            _ = (
                pipeline
                | "Start" >> beam.Impulse()
                | "Work"
                >> beam.FlatMap(lambda _: enumerate(work)).with_output_types(tuple[int, Any])
                | "Spread" >> beam.GroupByKey()  # else one worker would list and read
                | name >> beam.ParDo(does).with_output_types(Any)
            )


def _workers_a_machine(arguments: list[str]) -> int:
    """Returns the number of worker processes that share a machine's cores."""
    options = pipeline_options.PipelineOptions(arguments)
    local = options.view_as(pipeline_options.DirectOptions).direct_num_workers
    portable = options.view_as(pipeline_options.PortableOptions).sdk_worker_parallelism
    return max(1, int(local), int(portable))
