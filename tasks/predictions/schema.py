"""Schema of predictions: the columns of their Parquet shards, and how to write and read them.

A Predictions artifact holds ``Split-<split>/predictions-00002-of-00010.parquet``, one for each
shard of images and in the order of its records:

| column | type | |
|---|---|---|
| path | binary | of the file, relative to the data folder; any bytes, see image/filename |
| … | | what is true of the image, by the task |
| span | int64 | the span of the image; null where there are none |
| sha256 | string | of the file, in hex |
| stored_sha256 | string | of the encoded bytes that the model got, in hex |
| valid | bool | whether the model could read the image |
| invalid_reason | string | why not; null where valid, or where the model gives no reason |
| … | | what the model answered, by the task |
| outlier_score | float32 | null where the model has no such output |
| outlier | bool | null where the model has no such output |
| embedding | binary | F little-endian float16; null where the model gives none |

The metadata of each file has the model's labels, the digest of the model, and what else its task
needs to read the answers.

Dimension letters: K classes, F features.
"""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow as tf

from data import errors
from data.examples import examples_artifact, records
from data.files import read_back, read_parquet
from data.splits import labels

PREFIX, SUFFIX = "predictions", ".parquet"
VERSION = 1
WHAT, AGAIN = "predictions", "Run the step Predict again: --force Predict."
PATH = "path"
# Not a column: Predict adds the number of the image's group to a row that is evaluated.
GROUP = "group"
SPAN = "span"
SHA256 = "sha256"
STORED_SHA256 = "stored_sha256"
VALID = "valid"
INVALID_REASON = "invalid_reason"
OUTLIER_SCORE = "outlier_score"
OUTLIER = "outlier"
EMBEDDING = "embedding"
# The columns of every task.
FIELDS = {
    PATH: pa.binary(),
    SPAN: pa.int64(),
    SHA256: pa.string(),
    STORED_SHA256: pa.string(),
    VALID: pa.bool_(),
    INVALID_REASON: pa.string(),
    OUTLIER_SCORE: pa.float32(),
    OUTLIER: pa.bool_(),
    EMBEDDING: pa.binary(),
}
# A group is read whole: 1,024 rows of 100 classes and 1,280 features take 3 MB.
GROUP_ROWS = 1024
_LARGEST_FLOAT16 = 65504.0
_LABELS, _MODEL, _VERSION = b"labels", b"model", b"predictions_version"
_ABOUT = b"about"
Fields = Mapping[str, pa.DataType]


def fields(annotation: Fields, answer: Fields) -> dict[str, pa.DataType]:
    """Returns all columns of a shard in their order.

    Args:
      annotation: the task's columns of what is true of an image.
      answer: the task's columns of what a model answered.
    """
    made: dict[str, pa.DataType] = {}
    for name, kind in FIELDS.items():
        made[name] = kind
        if name == PATH:
            made |= annotation
        elif name == INVALID_REASON:
            made |= answer
    return made


def make(
    names: Sequence[str], model: str, columns: Fields, about: Mapping[str, Any] | None = None
) -> pa.Schema:
    """Returns the schema of one model's answers.

    Args:
      names: the model's K class names.
      model: the digest of the model, see :func:`exported_model.digest`.
      columns: name → type.
      about: what else the task needs to read the answers, as JSON allows.
    """
    stated = {_LABELS: json.dumps(list(names)), _MODEL: model, _VERSION: str(VERSION)}
    if about:
        stated[_ABOUT] = json.dumps(about)
    return pa.schema(list(columns.items()), metadata=stated)


def labels_of(found: pa.Schema) -> list[str]:
    """Returns the K class names in the order of a file's probabilities.

    Raises:
      errors.DataError: the file does not name them.
    """
    stored = (found.metadata or {}).get(_LABELS, b"")
    return read_back.from_json(stored, "labels in predictions", _names, AGAIN)


def model_of(found: pa.Schema) -> str:
    """Returns the digest of the model that gave the answers of a file."""
    return str(found.metadata[_MODEL].decode())


def about_of(found: pa.Schema) -> dict[str, Any]:
    """Returns what else the task needs to read a file's answers; empty where it needs nothing.

    Raises:
      errors.DataError: it is damaged.
    """
    stored = (found.metadata or {}).get(_ABOUT, b"{}")
    return read_back.from_json(stored, "description of predictions", _object, AGAIN)


def shard_path(uri: str, split: str, examples_path: str) -> str:
    """Returns where the answers about a shard of images belong in an artifact."""
    tail = os.path.basename(examples_path).removeprefix(records.PREFIX)
    return os.path.join(examples_artifact.split_folder(uri, split), f"{PREFIX}{tail}{SUFFIX}")


def files(uri: str, split: str) -> list[str]:
    """Returns the shards of a split, sorted, so in the order of the shards of images."""
    return sorted(
        tf.io.gfile.glob(
            os.path.join(examples_artifact.split_folder(uri, split), f"{PREFIX}-*-of-*{SUFFIX}")
        )
    )


def count(uri: str, split: str) -> int:
    """Returns the number of images of a split that have answers.

    Raises:
      errors.PipelineError: a shard cannot be read.
    """
    total = 0
    for path in files(uri, split):
        with read_parquet.opened(path, WHAT, AGAIN) as found:
            total += found.metadata.num_rows
    return total


def write(path: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Writes a Parquet file atomically, in groups of GROUP_ROWS rows.

    Args:
      path: the file; its folder is created.
      schema: the schema of all batches.
      batches: read one by one; memory holds one group at most.

    Returns:
      The number of rows.
    """
    count = 0
    # Parquet needs a file that reports its position, which an object store may not have.
    with tempfile.TemporaryDirectory() as scratch:
        local = os.path.join(scratch, "shard")
        with pq.ParquetWriter(local, schema) as writer:
            for group in _groups(batches):
                writer.write_table(pa.Table.from_batches(group, schema))
                count += sum(batch.num_rows for batch in group)
        records.move_in(local, path)
    return count


def read_batches(
    paths: Sequence[str], columns: Sequence[str], rows: int = GROUP_ROWS
) -> Iterator[pa.RecordBatch]:
    """Yields the chosen columns of some shards, at most ``rows`` rows at a time.

    Memory holds one group of rows, whatever the number of images.

    Raises:
      errors.PipelineError: a shard cannot be read.
    """
    for path in paths:
        with read_parquet.opened(path, WHAT, AGAIN) as found:
            if found.num_row_groups:  # without rows, newer versions of pyarrow raise
                yield from found.iter_batches(rows, columns=list(columns))


def read_columns(
    paths: Sequence[str], columns: Sequence[str], types: Fields | None = None
) -> pa.Table:
    """Reads the chosen columns of some shards whole into memory.

    Args:
      paths: the shards.
      columns: the names of the columns.
      types: the types of those that only the task has.

    Raises:
      errors.PipelineError: there are no shards, or one cannot be read, or they are of several
        models.
    """
    if not paths:
        raise errors.PipelineError("There are no predictions to read: the split has no shard.")
    schemas = [read_schema(path) for path in paths]
    if len({(model_of(one), tuple(labels_of(one))) for one in schemas}) > 1:
        raise errors.PipelineError(
            f"The predictions beside {paths[0]} are answers of several models; run the step"
            " Predict again: --force Predict."
        )
    known = {**FIELDS, **(types or {})}
    chosen = make(
        labels_of(schemas[0]),
        model_of(schemas[0]),
        {name: known[name] for name in columns},
        about_of(schemas[0]),
    )
    batches = [batch.replace_schema_metadata(chosen.metadata) for batch in _all(paths, columns)]
    return pa.Table.from_batches(batches, chosen)


def read_schema(path: str) -> pa.Schema:
    """Reads the schema of one shard.

    Raises:
      errors.PipelineError: it cannot be read, or holds no predictions.
    """
    with read_parquet.opened(path, WHAT, AGAIN) as opened:
        found = opened.schema_arrow
        if (found.metadata or {}).get(_VERSION) != str(VERSION).encode():
            raise read_back.BrokenError(f"it holds no predictions of version {VERSION}")
        return found


def packed_embeddings(vectors: np.ndarray) -> list[bytes]:
    """Returns float [N, F] as N values of the column ``embedding``; what is too large is cut."""
    limited = np.clip(vectors, -_LARGEST_FLOAT16, _LARGEST_FLOAT16).astype("<f2")
    return [row.tobytes() for row in limited]


def embeddings(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Returns the values of the column ``embedding`` that are not null, as float32 [M, F]."""
    held = [np.frombuffer(value, "<f2") for value in column.to_pylist() if value is not None]
    return np.stack(held).astype(np.float32) if held else np.zeros([0, 0], np.float32)


def texts(column: pa.Array | pa.ChunkedArray) -> list[str]:
    """Returns a column of bytes as strings; bytes that are not UTF-8 become surrogates."""
    return [value.decode("utf-8", "surrogateescape") for value in column.to_pylist()]


def _object(found: Any) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise read_back.BrokenError("it is not a JSON object")
    return found


def _names(found: Any) -> list[str]:
    labels.check(found)
    return list(found)


def _all(paths: Sequence[str], columns: Sequence[str]) -> list[pa.RecordBatch]:
    return list(read_batches(paths, columns))


def _groups(batches: Iterable[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        held.append(batch)
        count += batch.num_rows
        if count >= GROUP_ROWS:
            yield held
            held, count = [], 0
    if held:
        yield held
