"""Answers of the model in serving about the candidate's test images.

Dimension letters: N images, K classes.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from components.predict import cache, exported_model, shards
from data import progress
from data.examples import reading
from tasks.predictions import answered, schema


def answers(
    served_dir: Path,
    candidate_uri: str,
    split: str,
    files: Sequence[str],
    cache_dir: Path,
) -> answered.Answered:
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
    model = exported_model.Model(served_dir)
    kept = cache.Cache(cache_dir, model.digest, model.answers.answer)
    about = schema.read_columns(schema.files(candidate_uri, split), (schema.STORED_SHA256,))
    digests = about[schema.STORED_SHA256].to_pylist()
    known = kept.find(digests)
    missing = set(digests)
    if known is not None:
        missing -= set(known[schema.STORED_SHA256].to_pylist())
    if missing:
        asked = _ask(model, files, missing, kept.columns)
        kept.keep(asked)
        known = asked if known is None else pa.concat_tables([known, asked])
    elif known is not None:
        kept.touch()
    cache.prune(cache_dir)
    if known is None:  # there are no images
        known = model.schema(kept.columns).empty_table()
    candidate = model.answers.read(candidate_uri, split)
    return model.answers.replaced(candidate, _in_order(known, digests), model.labels, model.about)


def _ask(
    model: exported_model.Model, files: Sequence[str], missing: set[str], columns: Sequence[str]
) -> pa.Table:
    """Runs the model once on each image with these digests; returns some columns."""
    found = []
    task = progress.start(shards.TASK, total=len(missing))
    for serialized, digests in _batches(files, set(missing)):
        batch = model.ask(serialized)
        held = {schema.STORED_SHA256: pa.array(digests, pa.string())}
        held |= dict(zip(model.columns, batch.columns, strict=True))
        found.append(pa.RecordBatch.from_arrays([held[name] for name in columns], list(columns)))
        task.advance(len(digests))
    made = model.schema(columns)
    batches = [batch.replace_schema_metadata(made.metadata) for batch in found]
    return pa.Table.from_batches(batches, made)


def _batches(files: Sequence[str], missing: set[str]) -> Iterator[tuple[list[bytes], list[str]]]:
    serialized: list[bytes] = []
    digests: list[str] = []
    for batch in reading.records(files).batch(exported_model.BATCH).prefetch(1):
        for record, digest in zip(batch.numpy(), shards.stored(batch), strict=True):
            if digest in missing:
                missing.remove(digest)
                serialized.append(record)
                digests.append(digest)
        while len(digests) >= exported_model.BATCH:
            yield serialized[: exported_model.BATCH], digests[: exported_model.BATCH]
            serialized, digests = (
                serialized[exported_model.BATCH :],
                digests[exported_model.BATCH :],
            )
    if digests:
        yield serialized, digests


def _in_order(known: pa.Table, digests: Sequence[str]) -> pa.Table:
    """Returns a row for each digest, in their order."""
    places = {name: place for place, name in enumerate(known[schema.STORED_SHA256].to_pylist())}
    return known.take(pa.array([places[name] for name in digests], pa.int64()))
