"""TFX adapter of preprocessing: Examples of encoded images → Examples of pixels.

Whole shards are the unit of work: inside one, tf.data decodes on all cores; across shards, Beam
spreads over workers. No image crosses a shuffle.
"""

import os

import apache_beam as beam
from tfx.dsl.component.experimental import annotations, decorators
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.preprocess import config, materialise
from data import progress
from data.examples import examples_artifact, records


@decorators.component(use_beam=True)
def Preprocess(
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    pixels: annotations.OutputArtifact[standard_artifacts.Examples],
    settings: annotations.Parameter[str],
    code: annotations.Parameter[str],
    beam_pipeline: annotations.BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Decodes and resizes every image once.

    Args:
      examples: image records from ImageValidator, which stops the run if a check blocks.
      pixels: pixels records, with a ``pixels.json`` that describes them.
      settings: a PreprocessJob as JSON.
      code: hash of the code that runs; part of the cache key.
      beam_pipeline: filled in by TFX.
    """
    job = config.PreprocessJob.model_validate_json(settings)
    preprocess_config = job.config
    names = examples_artifact.read_labels(examples.uri)
    report = examples_artifact.read_report(examples.uri)
    counts = report.counts()
    spec = materialise.Spec(
        preprocess_config.size_px,
        preprocess_config.resize,
        names,
        counts,
        report.reading,
        job.task,
    )
    io_utils.write_string_file(os.path.join(pixels.uri, materialise.SPEC_FILE), spec.to_json())
    pixels.split_names = examples.split_names
    progress.start(materialise.TASK, total=sum(counts.values()))
    splits = artifact_utils.decode_split_names(examples.split_names)
    shards = materialise.shards(examples.uri, pixels.uri, splits)
    with beam_pipeline as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "Spread" >> beam.Reshuffle()
            | "Materialise" >> beam.Map(lambda shard: materialise.write(shard, spec))
        )
    records.check_written([shard.pixels for shard in shards])
