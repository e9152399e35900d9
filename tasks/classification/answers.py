"""The answers of classification: each image's class, and the probabilities of all classes.

In memory they take 4·K + 60 bytes an image, so 100,000 images of 100 classes take 46 MB; the
embeddings stay on disk. Code that needs them reads by batches, see ``tasks/predictions/schema.py``.

Dimension letters: B batch, N images, K classes.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import tensorflow as tf
from typing_extensions import Self

from data.files import read_back
from tasks import one_class
from tasks.predictions import answered, probable, schema

NOTHING = -1


@dataclass(frozen=True)
class Predictions(answered.Answered):
    """A classifier's answers, in the order of the records.

    Attributes:
      label_ids: int64 [N], the true classes by the label map of the data.
      probabilities: float32 [N, K] in 0–1; zeros where the image was not valid.
    """

    label_ids: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def read(cls, uri: str, split: str) -> "Predictions":
        """Reads all answers about a split from a Predictions artifact into memory.

        Raises:
          errors.PipelineError: a shard is missing or cannot be read.
        """
        paths = schema.files(uri, split)
        types = {**ANSWERS.annotation, **ANSWERS.answer}
        wanted = (*answered.COLUMNS, one_class.LABEL_ID, probable.PROBABILITIES)
        table = schema.read_columns(paths, wanted, types)
        labels = schema.labels_of(table.schema)
        # In a file that a model did not write, the columns may not fit each other.
        with read_back.reading(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            return cls(
                **answered.common(table, labels),
                label_ids=table[one_class.LABEL_ID].to_numpy(),
                probabilities=probable.matrix(table[probable.PROBABILITIES], len(labels)),
            )

    @property
    def targets(self) -> np.ndarray:
        """See the base class: the true classes, int64 [N]."""
        return self.label_ids

    @property
    def answers(self) -> np.ndarray:
        """See the base class: the probabilities, float32 [N, K]."""
        return self.probabilities

    def answers_of(
        self, probabilities: np.ndarray, _places: np.ndarray, _square: answered.Square
    ) -> np.ndarray:
        """See the base class."""
        return probabilities

    @property
    def predicted_ids(self) -> np.ndarray:
        """Returns the most probable class, int64 [N]; −1 without a prediction."""
        return np.where(self.valid, self.probabilities.argmax(1), NOTHING)

    @property
    def right(self) -> np.ndarray:
        """See the base class."""
        return self.correct

    @property
    def correct(self) -> np.ndarray:
        """Returns true where the most probable class is the true one, bool [N]."""
        return self.predicted_ids == self.label_ids

    @property
    def support(self) -> np.ndarray:
        """See the base class."""
        return np.bincount(self.label_ids, minlength=len(self.labels))

    @property
    def groups(self) -> np.ndarray:
        """See the base class: the true classes."""
        return self.label_ids

    @property
    def mean_score(self) -> float | None:
        """Returns the mean probability of the predicted class; None where no image was valid."""
        scores = self.probabilities.max(1, initial=0.0)[self.valid]
        return float(scores.mean(dtype=np.float64)) if len(scores) else None

    def relabelled(self, labels: Mapping[str, Sequence[str]]) -> Self | None:
        """See the base class."""
        changed = one_class.relabelled(self.label_ids, self.paths, self.labels, labels)
        return None if changed is None else dataclasses.replace(self, label_ids=changed)

    def aligned(self, labels: Sequence[str]) -> Self:
        """See the base class; unknown classes have probability 0."""
        columns = probable.aligned(self.probabilities, self.labels, labels)
        return dataclasses.replace(self, labels=list(labels), probabilities=columns)


class Answers(probable.Probable):
    """See ``judging.Answers``."""

    annotation = one_class.COLUMNS
    shown: Mapping[str, pa.DataType] = {
        probable.PREDICTED: pa.string(),
        probable.SCORE: pa.float32(),
    }

    def annotated(self, serialized: tf.Tensor) -> dict[str, pa.Array]:
        """See ``judging.Answers``."""
        return one_class.annotated(serialized)

    def about(self, contract: Mapping[str, Any]) -> dict[str, Any]:
        """See ``judging.Answers``."""
        return {}

    def evaluated(self, row: Mapping[str, Any], about: Mapping[str, Any]) -> dict[str, list[float]]:
        """See ``judging.Answers``."""
        return {probable.PROBABILITIES: row[probable.PROBABILITIES]}

    def told(
        self, row: Mapping[str, Any] | None, labels: Sequence[str], about: Mapping[str, Any]
    ) -> dict[str, Any]:
        """See ``judging.Answers``."""
        if row is None:
            return {probable.PREDICTED: None, probable.SCORE: None}
        place = int(np.argmax(row[probable.PROBABILITIES]))
        return {
            probable.PREDICTED: labels[place],
            probable.SCORE: row[probable.PROBABILITIES][place],
        }

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
        )


ANSWERS = Answers()
