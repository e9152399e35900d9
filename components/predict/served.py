"""Answers of the model in serving about the candidate's test images.

Dimension letters: N images, K classes.
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import tensorflow as tf

from components.predict import asking, cache, shards
from data import progress
from tasks.classification import answers as predictions
from tasks.predictions import schema


def answers(
    served_dir: Path,
    candidate_uri: str,
    split: str,
    files: Sequence[str],
    cache_dir: Path,
) -> predictions.Predictions:
    """Returns the served model's answers; it runs only on images without a kept answer.

    Args:
      served_dir: the SavedModel in serving.
      candidate_uri: the Predictions artifact of the candidate.
      split: the split to answer.
      files: the shards of image records of that split.
      cache_dir: see cache.py; new answers are kept there.

    Returns:
      The answers with the served model's own labels, in the order of the candidate's answers.
    """
    model = asking.Model(served_dir)
    kept = cache.Cache(cache_dir, model.digest)
    about = schema.read_columns(schema.files(candidate_uri, split), (schema.STORED_SHA256,))
    digests = about[schema.STORED_SHA256].to_pylist()
    known = kept.find(digests)
    missing = set(digests)
    if known is not None:
        missing -= set(known[schema.STORED_SHA256].to_pylist())
    if missing:
        asked = _ask(model, files, missing)
        kept.keep(asked)
        known = asked if known is None else pa.concat_tables([known, asked])
    elif known is not None:
        kept.touch()
    cache.prune(cache_dir)
    return _in_order(
        known, digests, model.labels, predictions.Predictions.read(candidate_uri, split)
    )


def _ask(model: asking.Model, files: Sequence[str], missing: set[str]) -> pa.Table:
    """Runs the model once on each image with these digests → the columns of cache.COLUMNS."""
    found = []
    task = progress.start(shards.TASK, total=len(missing))
    for serialized, digests in _batches(files, set(missing)):
        batch = model.ask(serialized)
        held = {schema.STORED_SHA256: pa.array(digests, pa.string())}
        held |= dict(zip(asking.ANSWERS, batch.columns, strict=True))
        found.append(
            pa.RecordBatch.from_arrays([held[name] for name in cache.COLUMNS], list(cache.COLUMNS))
        )
        task.advance(len(digests))
    return pa.Table.from_batches(found, schema.make(model.labels, model.digest, cache.COLUMNS))


def _batches(files: Sequence[str], missing: set[str]) -> Iterator[tuple[list[bytes], list[str]]]:
    serialized: list[bytes] = []
    digests: list[str] = []
    for batch in tf.data.TFRecordDataset(list(files)).batch(asking.BATCH).prefetch(1):
        stored = shards.sources(batch).column(shards.SOURCES.index(schema.STORED_SHA256))
        for record, digest in zip(batch.numpy(), stored.to_pylist(), strict=True):
            if digest in missing:
                missing.remove(digest)
                serialized.append(record)
                digests.append(digest)
        while len(digests) >= asking.BATCH:
            yield serialized[: asking.BATCH], digests[: asking.BATCH]
            serialized, digests = serialized[asking.BATCH :], digests[asking.BATCH :]
    if digests:
        yield serialized, digests


def _in_order(
    known: pa.Table | None,
    digests: Sequence[str],
    labels: list[str],
    candidate: predictions.Predictions,
) -> predictions.Predictions:
    """Orders rows by digest into an answer for each image, in the candidate's order."""
    if known is None:  # there are no images
        known = schema.make(labels, "", cache.COLUMNS).empty_table()
    places = {name: place for place, name in enumerate(known[schema.STORED_SHA256].to_pylist())}
    order = np.array([places[name] for name in digests], np.int64)
    scores = pc.fill_null(known[schema.OUTLIER_SCORE], 0.0).to_numpy()
    return dataclasses.replace(
        candidate,
        labels=labels,
        probabilities=schema.probabilities(known[schema.PROBABILITIES], len(labels))[order],
        valid=known[schema.VALID].to_numpy()[order],
        outlier_scores=scores[order],
    )
