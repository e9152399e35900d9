"""Runs a model on the images of one shard: image records → predictions, and records to evaluate.

Dimension letters: B batch, K classes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa
import tensorflow as tf

from components.predict import asking
from data import progress
from data.examples import example, records
from data.files import hashing
from tasks.predictions import schema

TASK = "predicting"
PROBABILITIES = schema.PROBABILITIES
# The columns that identify a row's image, in order.
SOURCES = (
    schema.PATH,
    schema.LABEL,
    schema.LABEL_ID,
    schema.SPAN,
    schema.SHA256,
    schema.STORED_SHA256,
)


@dataclass(frozen=True)
class Shard:
    """One unit of work: where its images are, and where its results go.

    Attributes:
      images: the shard of image records.
      predictions: the Parquet file to write.
      evaluated: the shard of evaluation records to write.
    """

    images: str
    predictions: str
    evaluated: str


def answer(shard: Shard, model: asking.Model) -> int:
    """Runs the model on every image of a shard and writes both files; it can be repeated.

    The rows and the evaluation records have the order of the image records. An evaluation record
    is the image record with the feature ``probabilities``, float32 [K], in place of the encoded image.

    Returns:
      The number of images in the shard.
    """
    evaluated: list[bytes] = []  # some 600 bytes an image

    def rows() -> Iterator[pa.RecordBatch]:
        for batch, serialized in ask(shard.images, model):
            found = batch.column(len(SOURCES) + asking.ANSWERS.index(schema.PROBABILITIES))
            evaluated.extend(
                evaluation_record(record, row)
                for record, row in zip(serialized, found.to_pylist(), strict=True)
            )
            progress.advance(TASK, batch.num_rows)
            yield batch

    count = schema.write(shard.predictions, schema.make(model.labels, model.digest), rows())
    records.write(shard.evaluated, evaluated)
    return count


def ask(path: str, model: asking.Model) -> Iterator[tuple[pa.RecordBatch, list[bytes]]]:
    """Yields the rows of at most B images with their records, in the order of the records."""
    for batch in tf.data.TFRecordDataset(path).batch(asking.BATCH).prefetch(2):
        serialized = list(batch.numpy())
        about, answers = sources(batch), model.ask(serialized)
        columns = [*about.columns, *answers.columns]
        yield pa.RecordBatch.from_arrays(columns, list(schema.FIELDS)), serialized


def sources(serialized: tf.Tensor) -> pa.RecordBatch:
    """Parses image records, string [B], into the columns of SOURCES."""
    names = (
        example.ENCODED,
        example.FILENAME,
        example.CLASS_TEXT,
        example.CLASS_LABEL,
        example.SPAN,
        example.SHA256,
    )
    found = {name: value.numpy() for name, value in example.parse(serialized, list(names)).items()}
    spans = found[example.SPAN]
    stored = [hashing.sha256(content) for content in found[example.ENCODED]]
    columns = (
        pa.array(found[example.FILENAME].tolist(), pa.binary()),
        pa.array(found[example.CLASS_TEXT].tolist(), pa.binary()),
        pa.array(found[example.CLASS_LABEL], pa.int64()),
        pa.array(spans, pa.int64(), mask=spans == example.NO_SPAN),
        pa.array([digest.decode("ascii", "replace") for digest in found[example.SHA256]]),
        pa.array(stored, pa.string()),
    )
    return pa.RecordBatch.from_arrays(list(columns), list(SOURCES))


def evaluation_record(serialized: bytes, probabilities: Sequence[float]) -> bytes:
    """Returns an image record with the model's answer in place of the encoded image.

    All features that slices may use are kept.

    Args:
      serialized: the image record.
      probabilities: of the K classes, in 0–1.
    """
    made = tf.train.Example.FromString(serialized)
    features = made.features.feature
    del features[example.ENCODED]
    features[PROBABILITIES].float_list.value.extend(probabilities)
    return bytes(made.SerializeToString(deterministic=True))
