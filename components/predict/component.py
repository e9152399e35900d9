"""The TFX adapter of inference: clean images and a model → its answers, and records to evaluate."""

import os
from pathlib import Path

import apache_beam as beam
from tfx.dsl.component.experimental import annotations, decorators
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from components.predict import artifacts, cache, config, executor, exported_model, shards
from data import progress
from data.examples import examples_artifact, records
from tasks.predictions import schema


@decorators.component(use_beam=True)
def Predict(
    examples: annotations.InputArtifact[standard_artifacts.Examples],
    model: annotations.InputArtifact[standard_artifacts.Model],
    predictions: annotations.OutputArtifact[artifacts.Predictions],
    evaluated: annotations.OutputArtifact[standard_artifacts.Examples],
    settings: annotations.Parameter[str],
    code: annotations.Parameter[str],
    beam_pipeline: annotations.BeamComponentParameter[beam.Pipeline] = None,
) -> None:
    """Runs the exported model once on every image of the splits that it was not trained on.

    Args:
      examples: clean images.
      model: the candidate.
      predictions: its answers, see schema.py.
      evaluated: the same answers as tf.Examples without images, for an Evaluator without a model.
      settings: a PredictJob as JSON.
      code: hash of the code that runs; part of the cache key.
      beam_pipeline: filled in by TFX.
    """
    job = config.PredictJob.model_validate_json(settings)
    model_dir = path_utils.serving_model_path(model.uri)
    present = artifact_utils.decode_split_names(examples.split_names)
    splits = [name for name in config.SPLITS if name in present]
    work = [
        shards.Shard(
            images=path,
            predictions=schema.shard_path(predictions.uri, split, path),
            evaluated=os.path.join(
                examples_artifact.split_folder(evaluated.uri, split), os.path.basename(path)
            ),
            group_pattern=job.group_pattern,
        )
        for split in splits
        for path in examples_artifact.shards(examples.uri, split)
    ]
    counts = examples_artifact.read_report(examples.uri).counts()
    progress.start(shards.TASK, total=sum(counts[split] for split in splits))
    executor.run(beam_pipeline, work, model_dir)
    records.check_written([path for shard in work for path in (shard.predictions, shard.evaluated)])
    evaluated.split_names = artifact_utils.encode_split_names(splits)
    answer = exported_model.Model(Path(model_dir)).answers.answer
    cache.keep_split(Path(job.cache_dir), predictions.uri, config.TEST_SPLIT, answer)
