"""Runs an exported SavedModel on image records and returns its answers as columns.

Dimension letters: B batch, F features.
"""

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf

from components.trainer import contract as trained_contract
from data import errors
from data.examples import example
from data.files import hashing
from tasks import task
from tasks.predictions import schema

SIGNATURE = "serve_examples"
BATCH = 64
# Of larger images fewer go through the network at once, so that its memory stays about the same.
BATCH_UP_TO_PX = 224
# InfraValidator adds other files to a pushed version, which change no answer.
_MODEL_FILES = ("saved_model.pb", "variables/*", "assets/*")


class Model:
    """A SavedModel, loaded at its first request and only once.

    Args:
      folder: the folder with saved_model.pb and, among its assets, the contract.

    Raises:
      errors.PipelineError: there is no model, or its contract names no labels.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.contract = trained_contract.read(folder)
        self.labels: list[str] = self.contract["labels"]
        self.answers = task.load(self.contract["task"]).answers

    @functools.cached_property
    def about(self) -> Mapping[str, Any]:
        """Returns what else is needed to read the answers, see ``judging.Answers.about``."""
        return self.answers.about(self.contract)

    @property
    def columns(self) -> tuple[str, ...]:
        """Returns the columns of an answer; the others of Predictions identify the image."""
        about = (schema.OUTLIER_SCORE, schema.OUTLIER, schema.EMBEDDING)
        return (schema.VALID, schema.INVALID_REASON, *self.answers.answer, *about)

    def schema(self, columns: Iterable[str]) -> pa.Schema:
        """Returns the schema of some columns of this model's answers."""
        known = schema.fields(self.answers.annotation, self.answers.answer)
        return schema.make(
            self.labels, self.digest, {name: known[name] for name in columns}, self.about
        )

    @property
    def at_once(self) -> int:
        """Returns how many images pass through the network at once, at most B."""
        side = max(int(self.contract.get("image_size_px", BATCH_UP_TO_PX)), BATCH_UP_TO_PX)
        return max(1, BATCH * BATCH_UP_TO_PX**2 // side**2)

    @functools.cached_property
    def digest(self) -> str:
        """Returns the SHA-256 of the model's files in hex; it is equal for equal models only."""
        return digest(self.folder)

    def ask(self, serialized: Sequence[bytes]) -> pa.RecordBatch:
        """Runs 1 to B images through the network.

        Args:
          serialized: tf.Examples with image/encoded; other features are ignored.

        Returns:
          The columns :attr:`columns` in that order, a row for each image.
        """
        parts = [
            self._signature(examples=tf.constant(list(serialized[start : start + self.at_once])))
            for start in range(0, len(serialized), self.at_once)
        ]
        answer = {name: np.concatenate([part[name].numpy() for part in parts]) for name in parts[0]}
        count = len(serialized)
        columns = {
            schema.VALID: pa.array(answer["valid"], pa.bool_()),
            schema.INVALID_REASON: _reasons(answer.get("invalid_reason"), count),
            **self.answers.columns(answer),
            schema.OUTLIER_SCORE: _or_nulls(answer.get("outlier_score"), pa.float32(), count),
            schema.OUTLIER: _or_nulls(answer.get("outlier"), pa.bool_(), count),
            schema.EMBEDDING: _embeddings(answer.get("embedding"), answer["valid"]),
        }
        return pa.RecordBatch.from_arrays(list(columns.values()), list(columns))

    @functools.cached_property
    def _signature(self) -> Any:
        loaded = tf.saved_model.load(str(self.folder))
        if SIGNATURE not in loaded.signatures:
            raise errors.PipelineError(
                f"The model {self.folder} has no signature {SIGNATURE}; it has"
                f" {', '.join(sorted(loaded.signatures)) or 'none'}."
            )
        self._loaded = loaded  # a signature does not keep the model's variables alive
        return loaded.signatures[SIGNATURE]


def record(encoded: bytes) -> bytes:
    """Returns encoded image bytes as a record for the model."""
    made = tf.train.Example()
    made.features.feature[example.ENCODED].bytes_list.value.append(encoded)
    return bytes(made.SerializeToString())


def digest(folder: Path) -> str:
    """Returns the SHA-256, in hex, of all files that a SavedModel's answers depend on."""
    found = hashlib.sha256()
    for pattern in _MODEL_FILES:
        for path in sorted(folder.glob(pattern)):
            found.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            hashing.add_file(found, path)
    return found.hexdigest()


def _or_nulls(values: np.ndarray | None, kind: pa.DataType, count: int) -> pa.Array:
    return pa.nulls(count, kind) if values is None else pa.array(values, kind)


def _reasons(values: np.ndarray | None, count: int) -> pa.Array:
    if values is None:
        return pa.nulls(count, pa.string())
    return pa.array([value.decode("utf-8", "replace") or None for value in values], pa.string())


def _embeddings(vectors: np.ndarray | None, valid: np.ndarray) -> pa.Array:
    if vectors is None:
        return pa.nulls(len(valid), pa.binary())
    packed = schema.packed_embeddings(vectors)
    held = [value if is_valid else None for value, is_valid in zip(packed, valid, strict=True)]
    return pa.array(held, pa.binary())
