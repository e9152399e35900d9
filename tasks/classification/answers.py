"""A model's answers about the images of one split, held in memory.

They take 4·K + 60 bytes an image, so 100,000 images of 100 classes take 46 MB; the embeddings stay
on disk. Code that needs them reads by batches, see schema.py.

Dimension letters: N images, K classes.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.examples import example
from data.files import read_back
from tasks.predictions import schema

NOTHING = -1
COLUMNS = (
    schema.PATH,
    schema.LABEL_ID,
    schema.SPAN,
    schema.VALID,
    schema.PROBABILITIES,
    schema.OUTLIER_SCORE,
)


@dataclass(frozen=True)
class Predictions:
    """A model's answers, in the order of the records.

    Attributes:
      labels: the K class names, in the order of the columns.
      paths: N file names, as image/filename has them.
      label_ids: int64 [N], the true classes by the label map of the data.
      probabilities: float32 [N, K] in 0–1; zeros where the image was not valid.
      valid: bool [N], whether the model could read the image.
      outlier_scores: float32 [N], higher for what is less like the training images; zeros where
        the model has no such output.
      spans: int64 [N], the number of each image's span; NO_SPAN where there are none, and None
        where they were not requested.
    """

    labels: list[str]
    paths: list[str]
    label_ids: np.ndarray
    probabilities: np.ndarray
    valid: np.ndarray
    outlier_scores: np.ndarray
    spans: np.ndarray | None = None

    @classmethod
    def read(cls, uri: str, split: str) -> "Predictions":
        """Reads all answers about a split from a Predictions artifact into memory.

        Raises:
          errors.PipelineError: a shard is missing or cannot be read.
        """
        paths = schema.files(uri, split)
        table = schema.read_columns(paths, COLUMNS)
        labels = schema.labels_of(table.schema)
        # In a file that a model did not write, the columns may not fit each other.
        with read_back.told(f"{schema.WHAT} {paths[0]}", schema.AGAIN):
            return cls._of(table, labels)

    @classmethod
    def _of(cls, table: pa.Table, labels: list[str]) -> "Predictions":
        return cls(
            labels=labels,
            paths=schema.texts(table[schema.PATH]),
            label_ids=table[schema.LABEL_ID].to_numpy(),
            probabilities=schema.probabilities(table[schema.PROBABILITIES], len(labels)),
            valid=table[schema.VALID].to_numpy(),
            outlier_scores=pc.fill_null(table[schema.OUTLIER_SCORE], 0.0).to_numpy(),
            spans=pc.fill_null(table[schema.SPAN], example.NO_SPAN).to_numpy(),
        )

    @property
    def predicted_ids(self) -> np.ndarray:
        """Returns the most probable class, int64 [N]; −1 without a prediction."""
        return np.where(self.valid, self.probabilities.argmax(1), NOTHING)

    @property
    def correct(self) -> np.ndarray:
        """Returns true where the most probable class is the true one, bool [N]."""
        return self.predicted_ids == self.label_ids

    @property
    def mean_score(self) -> float | None:
        """Returns the mean probability of the predicted class; None where no image was valid."""
        scores = self.probabilities.max(1, initial=0.0)[self.valid]
        return float(scores.mean(dtype=np.float64)) if len(scores) else None

    def aligned(self, labels: Sequence[str]) -> "Predictions":
        """Returns the answers with another label map's columns; unknown classes have probability 0.

        Args:
          labels: the class names that ``label_ids`` number.
        """
        columns = np.zeros([len(self.paths), len(labels)], np.float32)
        places = {name: index for index, name in enumerate(self.labels)}
        for column, name in enumerate(labels):
            if name in places:
                columns[:, column] = self.probabilities[:, places[name]]
        return dataclasses.replace(self, labels=list(labels), probabilities=columns)
