"""Runs a model on the images of one shard: image records → predictions, and records to evaluate.

Dimension letter: B batch.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import tensorflow as tf

from components.predict import exported_model
from data import progress
from data.examples import example, reading, records
from data.files import hashing
from tasks.predictions import schema
from tasks.statistics import groups

TASK = "predicting"


@dataclass(frozen=True)
class Shard:
    """One unit of work: where its images are, and where its results go.

    Attributes:
      images: the shard of image records.
      predictions: the Parquet file to write.
      evaluated: the shard of evaluation records to write.
      group_pattern: pattern of paths; images with equal matches are resampled together.
    """

    images: str
    predictions: str
    evaluated: str
    group_pattern: str | None = None


def answer(shard: Shard, model: exported_model.Model) -> int:
    """Runs the model on every image of a shard and writes both files; it can be repeated.

    The rows and the evaluation records have the order of the image records. An evaluation record
    is the image record with the model's answer in place of the encoded image.

    Returns:
      The number of images in the shard.
    """
    evaluated: list[bytes] = []  # some 600 bytes an image
    answers = model.answers
    wanted = [schema.PATH, *answers.annotation, schema.VALID, *answers.answer]

    def rows() -> Iterator[pa.RecordBatch]:
        for batch, serialized in ask(shard.images, model):
            own = pa.Table.from_batches([batch]).select(wanted).to_pylist()
            for row in own:
                row[schema.GROUP] = groups.number(shard.group_pattern, row[schema.PATH])
            evaluated.extend(
                evaluation_record(record, answers.evaluated(row, model.about))
                for record, row in zip(serialized, own, strict=True)
            )
            progress.advance(TASK, batch.num_rows)
            yield batch

    columns = schema.fields(answers.annotation, answers.answer)
    count = schema.write(shard.predictions, model.schema(columns), rows())
    records.write(shard.evaluated, evaluated)
    return count


def ask(path: str, model: exported_model.Model) -> Iterator[tuple[pa.RecordBatch, list[bytes]]]:
    """Yields the rows of at most B images with their records, in the order of the records."""
    columns = schema.fields(model.answers.annotation, model.answers.answer)
    for batch in reading.records(path).batch(exported_model.BATCH).prefetch(2):
        serialized = list(batch.numpy())
        answered = model.ask(serialized)
        held = sources(batch) | model.answers.annotated(batch)
        held |= dict(zip(model.columns, answered.columns, strict=True))
        rows = pa.RecordBatch.from_arrays([held[name] for name in columns], list(columns))
        yield rows, serialized


def sources(serialized: tf.Tensor) -> dict[str, pa.Array]:
    """Parses image records, string [B], into the columns that identify a row's image."""
    names = [example.FILENAME, example.SPAN, example.SHA256]
    found = {name: value.numpy() for name, value in example.parse(serialized, names).items()}
    spans = found[example.SPAN]
    return {
        schema.PATH: pa.array(found[example.FILENAME].tolist(), pa.binary()),
        schema.SPAN: pa.array(spans, pa.int64(), mask=spans == example.NO_SPAN),
        schema.SHA256: pa.array(
            [digest.decode("ascii", "replace") for digest in found[example.SHA256]]
        ),
        schema.STORED_SHA256: pa.array(stored(serialized), pa.string()),
    }


def stored(serialized: tf.Tensor) -> list[str]:
    """Returns the digests of the encoded images of image records, string [B], in hex."""
    encoded = example.parse(serialized, [example.ENCODED])[example.ENCODED]
    return [hashing.sha256(content) for content in encoded.numpy()]


def evaluation_record(serialized: bytes, answer: Mapping[str, Sequence[float]]) -> bytes:
    """Returns an image record with the model's answer in place of the encoded image.

    All features that slices may use are kept.

    Args:
      serialized: the image record.
      answer: name → values of the features that hold the answer.
    """
    made = tf.train.Example.FromString(serialized)
    features = made.features.feature
    del features[example.ENCODED]
    for name, values in answer.items():
        features[name].float_list.value.extend(values)
    return bytes(made.SerializeToString(deterministic=True))
