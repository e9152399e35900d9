"""The answers of multi-label classification: labels of an image over their thresholds.

In memory they take 5·K + 60 bytes an image. Dimension letters: B batch, N images, K labels.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from typing_extensions import Self

from data import errors
from data.examples import example
from data.files import read_back
from tasks.predictions import answered, probable, schema

LABELS = "labels"
LABEL_IDS = "label_ids"
THRESHOLDS = "thresholds"
TARGETS = "targets"
GIVEN = "answers"
# What the images without any label are sampled as.
NO_LABEL = -1
# No probability reaches it: a label that a model does not know.
NEVER = 2.0


def given(probabilities: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns the labels that a model gives: those whose probability reaches their threshold.

    Args:
      probabilities: float32 [..., K] in 0–1.
      thresholds: float32 [K] in 0–1.

    Returns:
      bool [..., K].
    """
    return probabilities >= thresholds  # type: ignore[no-any-return]


def named(row: np.ndarray, thresholds: np.ndarray, labels: Sequence[str]) -> list[str]:
    """Returns the names of the labels given to an image, the most probable first."""
    places = np.flatnonzero(given(row, thresholds))
    return [labels[place] for place in places[np.argsort(-row[places], kind="stable")]]


@dataclass(frozen=True)
class Predictions(answered.Answered):
    """A model's answers, in the order of the records.

    Attributes:
      truths: bool [N, K], the true labels by the label map of the data.
      probabilities: float32 [N, K] in 0–1; zeros where the image was not valid.
      thresholds: float32 [K] in 0–1.
    """

    truths: np.ndarray
    probabilities: np.ndarray
    thresholds: np.ndarray

    @classmethod
    def read(cls, uri: str, split: str) -> "Predictions":
        """Reads all answers about a split from a Predictions artifact into memory.

        Raises:
          errors.PipelineError: a shard is missing or cannot be read.
        """
        paths = schema.files(uri, split)
        types = {**ANSWERS.annotation, **ANSWERS.answer}
        wanted = (*answered.COLUMNS, LABEL_IDS, probable.PROBABILITIES)
        table = schema.read_columns(paths, wanted, types)
        labels = schema.labels_of(table.schema)
        # In a file that a model did not write, the columns may not fit each other.
        with read_back.reading(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            return cls(
                **answered.common(table, labels),
                truths=_truths(table[LABEL_IDS].to_pylist(), len(labels)),
                probabilities=probable.matrix(table[probable.PROBABILITIES], len(labels)),
                thresholds=_thresholds(schema.about_of(table.schema), len(labels)),
            )

    @property
    def given(self) -> np.ndarray:
        """Returns the labels that the model gives, bool [N, K]; none where it cannot read."""
        return given(self.probabilities, self.thresholds) & self.valid[:, None]

    @property
    def targets(self) -> np.ndarray:
        """See the base class: 1 for a true label, float32 [N, K]."""
        return self.truths.astype(np.float32)

    @property
    def answers(self) -> np.ndarray:
        """See the base class: probabilities, and 1 for a label that is given, float32 [N, 2, K]."""
        return np.stack([self.probabilities, self.given], axis=1).astype(np.float32)

    def answers_of(
        self, probabilities: np.ndarray, _places: np.ndarray, _square: answered.Square
    ) -> np.ndarray:
        """See the base class."""
        return np.stack([probabilities, given(probabilities, self.thresholds)], axis=1).astype(
            np.float32
        )

    @property
    def right(self) -> np.ndarray:
        """See the base class: exactly the true labels are given."""
        return (self.given == self.truths).all(1)

    @property
    def support(self) -> np.ndarray:
        """See the base class."""
        return self.truths.sum(0, dtype=np.int64)

    @property
    def groups(self) -> np.ndarray:
        """See the base class: the rarest label of each image, NO_LABEL without any."""
        if not self.truths.shape[1]:
            return np.full(len(self.paths), NO_LABEL)
        frequent = np.where(self.truths, self.support, np.iinfo(np.int64).max)
        return np.where(self.truths.any(1), frequent.argmin(1), NO_LABEL)

    @property
    def mean_score(self) -> float | None:
        """Returns None: the answer about an image has no one score."""
        return None

    def relabelled(self, labels: Mapping[str, Sequence[str]]) -> Self | None:
        """See the base class."""
        if any(name not in self.labels for names in labels.values() for name in names):
            return None
        truths = self.truths.copy()
        for row, path in zip(truths, self.paths, strict=True):
            if path in labels:
                row[:] = [name in labels[path] for name in self.labels]
        return dataclasses.replace(self, truths=truths)

    def aligned(self, labels: Sequence[str]) -> Self:
        """See the base class; labels that the model lacks have probability 0."""
        count = len(labels)
        known = dict(zip(self.labels, self.thresholds, strict=True))
        outside = self.truths[:, count:].any()
        if outside:
            raise errors.PipelineError(
                f"Some images have labels that are not among the {count:,} of the label map."
            )
        truths = np.zeros([len(self.paths), count], bool)
        width = min(count, self.truths.shape[1])
        truths[:, :width] = self.truths[:, :width]
        return dataclasses.replace(
            self,
            labels=list(labels),
            truths=truths,
            probabilities=probable.aligned(self.probabilities, self.labels, labels),
            thresholds=np.array([known.get(name, NEVER) for name in labels], np.float32),
        )

    def _of_model(self) -> frozenset[str]:
        return frozenset({"thresholds"})


class Answers(probable.Probable):
    """See ``judging.Answers``."""

    annotation: Mapping[str, pa.DataType] = {
        LABELS: pa.list_(pa.binary()),
        LABEL_IDS: pa.list_(pa.int64()),
    }
    shown: Mapping[str, pa.DataType] = {probable.PREDICTED: pa.list_(pa.string())}

    def annotated(self, serialized: tf.Tensor) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        features = {
            example.CLASS_TEXT: tf.io.RaggedFeature(tf.string),
            example.CLASS_LABEL: tf.io.RaggedFeature(tf.int64),
        }
        found = tf.io.parse_example(serialized, features)
        return {
            LABELS: _lists(found[example.CLASS_TEXT], pa.binary()),
            LABEL_IDS: _lists(found[example.CLASS_LABEL], pa.int64()),
        }

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """See ``judging.Answers``: the thresholds in the order of the labels."""
        stated = contract[THRESHOLDS]
        return {THRESHOLDS: [float(stated[name]) for name in contract["labels"]]}

    def evaluated(self, row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[float]]:
        """See ``judging.Answers``.

        Raises:
          errors.PipelineError: the image has a label that the model does not know.
        """
        probabilities = np.array(row[probable.PROBABILITIES], np.float32)
        truths = _truths([row[LABEL_IDS]], len(probabilities))[0]
        if len(truths) > len(probabilities):
            raise errors.PipelineError(
                f"An image has the label number {len(truths) - 1}; the model knows"
                f" {len(probabilities)} labels. Run the step Trainer again: --force Trainer."
            )
        flags = given(probabilities, _thresholds(about, len(probabilities))) & row[schema.VALID]
        return {
            TARGETS: truths.astype(np.float32).tolist(),
            GIVEN: [*probabilities.tolist(), *flags.astype(np.float32).tolist()],
        }

    def told(
        self, row: Mapping[str, Any] | None, labels: Sequence[str], about: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See ``judging.Answers``: the labels that are given, the most probable first."""
        if row is None:
            return {probable.PREDICTED: None}
        probabilities = np.array(row[probable.PROBABILITIES], np.float32)
        thresholds = _thresholds(about, len(probabilities))
        return {probable.PREDICTED: named(probabilities, thresholds, labels)}

    def read(self, uri: str, split: str) -> Predictions:
        """See ``judging.Answers``."""
        return Predictions.read(uri, split)

    def replaced(
        self,
        annotated: Predictions,
        table: pa.Table,
        labels: Sequence[str],
        about: Mapping[str, Any],
    ) -> Predictions:
        """See ``judging.Answers``."""
        return dataclasses.replace(
            annotated,
            **answered.by_model(table, labels),
            probabilities=probable.matrix(table[probable.PROBABILITIES], len(labels)),
            thresholds=_thresholds(about, len(labels)),
        )


def as_json(names: Sequence[str]) -> str:
    """Returns names as the JSON list that a served model answers with."""
    return json.dumps(list(names), ensure_ascii=False)


def _lists(values: tf.RaggedTensor, kind: pa.DataType) -> pa.Array:
    offsets = pa.array(values.row_splits.numpy(), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(values.values.numpy().tolist(), kind))


def _truths(label_ids: Sequence[Sequence[int]], labels: int) -> np.ndarray:
    """Returns bool [N, K or more] from lists of numbers."""
    lengths = [len(row) for row in label_ids]
    flat = np.array([value for row in label_ids for value in row], np.int64)
    if (flat < 0).any():
        raise read_back.BrokenError("a label has a number below 0")
    truths = np.zeros([len(label_ids), max(labels, int(flat.max(initial=-1)) + 1)], bool)
    truths[np.repeat(np.arange(len(label_ids)), lengths), flat] = True
    return truths


def _thresholds(about: Mapping[str, Any], labels: int) -> np.ndarray:
    found = np.array(about.get(THRESHOLDS), np.float32)
    if found.shape != (labels,) or not ((found >= 0) & (found <= 1)).all():
        raise read_back.BrokenError(f"its thresholds are not {labels} numbers in 0–1")
    return found


ANSWERS = Answers()
