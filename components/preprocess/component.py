"""The TFX door of preprocessing: Examples of encoded images → Examples of pixels.

Whole shards are the unit of work: inside one, tf.data decodes on all cores; across shards, Beam
spreads over workers. No image crosses a shuffle.
"""

import os

import apache_beam as beam
from tfx.dsl.component.experimental import annotations, decorators
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils

from components.image_example_gen import report as ingest_report
from components.preprocess import config, materialise
from data import progress, records


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
      examples: image records, from ImageValidator: blocked data never gets here.
      pixels: pixels records, with a ``pixels.json`` that describes them.
      settings: a PreprocessConfig as JSON.
      code: hash of the code that runs; part of the cache key.
      beam_pipeline: filled in by TFX.
    """
    preprocess_config = config.PreprocessConfig.model_validate_json(settings)
    names = ingest_report.read_labels(examples.uri)
    report = ingest_report.Report.read(examples.uri)
    counts = report.counts()
    spec = materialise.Spec(
        preprocess_config.size_px, preprocess_config.resize, names, counts, report.reading
    )
    io_utils.write_string_file(os.path.join(pixels.uri, materialise.SPEC_FILE), spec.to_json())
    pixels.split_names = examples.split_names
    progress.start(materialise.TASK, total=sum(counts.values()))
    shards = []
    for split in artifact_utils.decode_split_names(examples.split_names):
        target = artifact_utils.get_split_uri([pixels], split)
        for path in records.files(artifact_utils.get_split_uri([examples], split)):
            shards.append((path, os.path.join(target, os.path.basename(path))))
    with beam_pipeline as pipeline:
        _ = (
            pipeline
            | "Shards" >> beam.Create(shards)
            | "Spread" >> beam.Reshuffle()
            | "Materialise"
            >> beam.Map(lambda pair: materialise.shard(pair[0], pair[1], preprocess_config))
        )
    records.check_written([target for _, target in shards])
