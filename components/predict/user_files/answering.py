"""Predicts a user's files part by part: decoded in processes that may die, run in batches.

Bytes become pixels as at ingest: formats are detected by content, images that TensorFlow would
decode differently from Pillow are re-encoded, and a bad file is a row with a reason.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import tensorflow as tf

from components.predict import exported_model
from components.predict.user_files import listing
from data import errors, progress
from data.files import read_parquet
from data.images import (
    decode,
    decode_config,
    decoder_pool,
    decoder_process,
    image_reading,
    value_range,
    verify,
)
from tasks.facets import judging
from tasks.predictions import schema

TASK = "predicting"
REASON = "reason"
DETAIL = "detail"
REFUSED = "refused_by_the_model"
# Limit of the decoded bytes that wait for the model, besides a batch's last image.
HELD_BYTES = 64 << 20
Row = dict[str, Any]


def fields(answers: judging.Answers) -> dict[str, pa.DataType]:
    """Returns the columns of a .parquet file in order; an answer's are in the order of the labels."""
    return {
        schema.PATH: pa.binary(),
        schema.SHA256: pa.string(),
        **answers.shown,
        schema.VALID: pa.bool_(),
        REASON: pa.string(),
        DETAIL: pa.string(),
        schema.OUTLIER: pa.bool_(),
        schema.OUTLIER_SCORE: pa.float32(),
        **answers.answer,
        schema.EMBEDDING: pa.binary(),
    }


def made_by(model: exported_model.Model) -> pa.Schema:
    """Returns the schema of the answers about files, with the metadata of :func:`schema.make`."""
    return schema.make(model.labels, model.digest, fields(model.answers), model.about)


def is_done(chunk: listing.Chunk) -> bool:
    """Returns true where a part was answered completely; an incomplete file does not count."""
    try:
        with read_parquet.opened(chunk.part, "answers") as found:
            return bool(found.metadata.num_rows == len(chunk.files))
    except errors.PipelineError:
        return False


class Answerer:
    """Runs a model on parts, one after the other, until it is closed.

    Args:
      model: the model to run.
      decoders: the number of processes that decode images.
    """

    def __init__(self, model: exported_model.Model, decoders: int) -> None:
        self._model = model
        self._decoders = decoders
        self._config, self._scale = decoding(model), scale(model)
        self._pool: decoder_pool.DecoderPool | None = None
        self._root = ""

    def close(self) -> None:
        """Ends the decoders."""
        if self._pool:
            self._pool.close()
            self._pool = None

    def answer(self, chunk: listing.Chunk) -> None:
        """Decodes and predicts a part's files and writes it atomically; it can be repeated."""
        rows: dict[str, Row] = {}
        for held in self._batches(chunk, rows):
            self._ask(held, rows)
        whole = self._made(chunk, rows)
        schema.write(chunk.part, whole.schema, whole.to_batches())

    def _made(self, chunk: listing.Chunk, rows: dict[str, Row]) -> pa.Table:
        ordered = []
        for file in chunk.files:
            shown = os.path.normpath(os.path.join(chunk.shown, file.path))
            ordered.append({**rows[file.path], schema.PATH: os.fsencode(shown)})
        return pa.Table.from_pylist(ordered, made_by(self._model))

    def _batches(
        self, chunk: listing.Chunk, rows: dict[str, Row]
    ) -> Iterator[list[tuple[str, str, bytes]]]:
        """Yields batches of (path, sha256, encoded image); files without one go to ``rows``."""
        pool = self._pool_of(chunk.root)
        again: list[str] = []
        held: list[tuple[str, str, bytes]] = []
        asked = [decoder_process.Request(file.path) for file in chunk.files]
        for reencode in (False, True):
            for request, answer in pool.decode(asked):
                result = answer.result
                if isinstance(result, decode.Decoded) and not verify.same_pixels(result):
                    if not reencode:
                        again.append(request.path)
                        continue
                    detail = result.info.source_format
                    result = decode.Rejection("not_decodable_by_tensorflow", detail)
                if isinstance(result, decode.Rejection):
                    rows[request.path] = refused(result, answer.sha256, self._model)
                    progress.advance(TASK)
                    continue
                held.append((request.path, answer.sha256, result.encoded))
                if (
                    len(held) >= exported_model.BATCH
                    or sum(len(one[2]) for one in held) > HELD_BYTES
                ):
                    yield held
                    held = []
            asked = [decoder_process.Request(path, reencode=True) for path in again]
        if held:
            yield held

    def _ask(self, held: list[tuple[str, str, bytes]], rows: dict[str, Row]) -> None:
        answers = self._model.ask(
            [exported_model.record(encoded) for _, _, encoded in held]
        ).to_pylist()
        for (path, sha256, _), answer in zip(held, answers, strict=True):
            rows[path] = self._row(sha256, answer)
        progress.advance(TASK, len(held))

    def _row(self, sha256: str, answer: Row) -> Row:
        reason = answer.pop(schema.INVALID_REASON)
        reason = None if answer[schema.VALID] else reason or REFUSED
        seen = answer if answer[schema.VALID] else None
        columns = self._model.answers.told(seen, self._model.labels, self._model.about)
        return {**answer, schema.SHA256: sha256, DETAIL: None, **columns, REASON: reason}

    def _pool_of(self, root: str) -> decoder_pool.DecoderPool:
        if self._pool is None or root != self._root:
            self.close()
            self._pool = decoder_pool.DecoderPool(root, self._config, self._decoders, self._scale)
            self._root = root
        return self._pool


def refused(rejection: decode.Rejection, sha256: str, model: exported_model.Model) -> Row:
    """Returns the row of a file that is not an image, or not one that may be decoded."""
    return {
        **dict.fromkeys(fields(model.answers)),
        schema.SHA256: sha256 or None,
        schema.VALID: False,
        REASON: rejection.reason,
        DETAIL: rejection.detail or None,
        **model.answers.nothing(model.labels),
    }


def decoding(model: exported_model.Model) -> decode_config.DecodeConfig:
    """Returns how the model's images were read at ingest, from its contract."""
    reading = _reading(model)
    return decode_config.DecodeConfig(
        background="#{:02x}{:02x}{:02x}".format(*reading.background),
        convert_to_srgb=reading.convert_to_srgb,
    )


def scale(model: exported_model.Model) -> value_range.Scale:
    """Returns how values of more than 8 bits became 0–255 at ingest, from the contract."""
    reading = _reading(model)
    if reading.float_range is None:
        return value_range.Scale(reading.value_range)
    return value_range.Scale(reading.value_range, reading.float_range)


@contextlib.contextmanager
def decoders(model: exported_model.Model, count: int = 1) -> Iterator[decoder_pool.DecoderPool]:
    """Yields processes that decode images as the model's were read, by paths from here."""
    pool = decoder_pool.DecoderPool(".", decoding(model), count, scale(model))
    with contextlib.closing(pool):
        yield pool


def _reading(model: exported_model.Model) -> image_reading.Reading:
    try:
        return image_reading.Reading.from_dict(model.contract)
    except KeyError:  # a contract that is older than this entry
        return image_reading.DEFAULT


def settings(model: exported_model.Model) -> str:
    """Returns everything that the answer about a file depends on besides its bytes."""
    config = decoding(model).model_dump_json()
    return json.dumps([model.digest, config, schema.VERSION, tf.__version__])
