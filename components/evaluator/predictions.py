"""What a served model says of every image of a split, as one file.

Kept whole in memory: 4·K + 60 bytes an image, so 100,000 images of 100 classes take 46 MB.

Dimension letters: N images, K classes, B batch.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from data import example, progress, read_arrays, read_back

FILE = "predictions.npz"
SIGNATURE = "serve_examples"
BATCH = 64
TASK = "predicting"
NOTHING = -1


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
        where nobody asked.
    """

    labels: list[str]
    paths: list[str]
    label_ids: np.ndarray
    probabilities: np.ndarray
    valid: np.ndarray
    outlier_scores: np.ndarray
    spans: np.ndarray | None = None

    @property
    def predicted_ids(self) -> np.ndarray:
        """The most probable class, int64 [N]; −1 where nothing was predicted."""
        return np.where(self.valid, self.probabilities.argmax(1), NOTHING)

    @property
    def correct(self) -> np.ndarray:
        """Whether the most probable class is the true one, bool [N]."""
        return self.predicted_ids == self.label_ids

    @property
    def mean_score(self) -> float | None:
        """The mean probability of the predicted class; None where no image was valid."""
        scores = self.probabilities.max(1, initial=0.0)[self.valid]
        return float(scores.mean(dtype=np.float64)) if len(scores) else None

    def aligned(self, labels: Sequence[str]) -> "Predictions":
        """The same with the columns of another label map; unknown classes have probability 0.

        Args:
          labels: the class names that ``label_ids`` number.
        """
        columns = np.zeros([len(self.paths), len(labels)], np.float32)
        places = {name: index for index, name in enumerate(self.labels)}
        for column, name in enumerate(labels):
            if name in places:
                columns[:, column] = self.probabilities[:, places[name]]
        return dataclasses.replace(self, labels=list(labels), probabilities=columns)

    def save(self, path: Path) -> None:
        """Writes them as ``.npz``."""
        spans = {} if self.spans is None else {"spans": self.spans}
        np.savez(
            path,
            **spans,
            labels=np.array(self.labels, np.str_),
            paths=np.array([name.encode("utf-8", "surrogateescape") for name in self.paths], bytes),
            label_ids=self.label_ids,
            probabilities=self.probabilities,
            valid=self.valid,
            outlier_scores=self.outlier_scores,
        )

    @classmethod
    def load(cls, path: Path) -> "Predictions":
        """Reads what :meth:`save` wrote.

        Raises:
          errors.DataError: it is damaged, or the arrays do not fit each other.
        """
        return read_arrays.arrays(path, "predictions", cls._of, read_back.STEP_AGAIN)

    @classmethod
    def _of(cls, stored: Mapping[str, np.ndarray]) -> "Predictions":
        made = cls(
            labels=[str(name) for name in stored["labels"]],
            paths=[name.decode("utf-8", "surrogateescape") for name in stored["paths"]],
            **{
                name: stored[name]
                for name in ("label_ids", "probabilities", "valid", "outlier_scores", "spans")
                if name in stored
            },
        )
        count = len(made.paths)
        shapes = dict.fromkeys(("label_ids", "valid", "outlier_scores"), (count,))
        shapes["probabilities"] = (count, len(made.labels))  # type: ignore[assignment]
        for name, shape in shapes.items():
            if getattr(made, name).shape != shape:
                raise ValueError(f"{name} has the shape {getattr(made, name).shape}, not {shape}")
        return made


def predict(model_dir: Path, labels: Sequence[str], files: Sequence[str]) -> Predictions:
    """Asks a SavedModel about all image records of some shards.

    Args:
      model_dir: the folder with saved_model.pb.
      labels: the model's K class names.
      files: shards of image records.
    """
    signature = tf.saved_model.load(str(model_dir)).signatures[SIGNATURE]
    task = progress.start(TASK)
    parts: dict[str, list[np.ndarray]] = {
        "paths": [np.zeros(0, object)],
        "label_ids": [np.zeros(0, np.int64)],
        "probabilities": [np.zeros([0, len(labels)], np.float32)],
        "valid": [np.zeros(0, bool)],
        "outlier_scores": [np.zeros(0, np.float32)],
        "spans": [np.zeros(0, np.int64)],
    }
    for serialized in tf.data.TFRecordDataset(list(files)).batch(BATCH).prefetch(2):
        parsed = example.parse(serialized, [example.FILENAME, example.CLASS_LABEL, example.SPAN])
        answer = {name: value.numpy() for name, value in signature(examples=serialized).items()}
        parts["paths"].append(parsed[example.FILENAME].numpy())
        parts["label_ids"].append(parsed[example.CLASS_LABEL].numpy())
        parts["spans"].append(parsed[example.SPAN].numpy())
        parts["probabilities"].append(answer["probabilities"])
        parts["valid"].append(answer["valid"])
        count = len(answer["valid"])
        zeros = np.zeros(count, np.float32)
        parts["outlier_scores"].append(answer.get("outlier_score", zeros))
        task.advance(count)
    arrays = {name: np.concatenate(values) for name, values in parts.items()}
    names = [name.decode("utf-8", "surrogateescape") for name in arrays.pop("paths")]
    return Predictions(list(labels), names, **arrays)
