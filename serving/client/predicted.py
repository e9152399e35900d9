"""Predictions of a served model, image by image. Dimension letter: K classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving import read_back
from serving.client import protocol

# Output of models that give any number of labels: a JSON list of their names.
LABELS = "labels"
# Output of models that give each pixel a class: the shares of the classes.
FRACTIONS = "class_fractions"
# Output of models that give boxes: how many of them there are.
DETECTIONS = "num_detections"
# Output of models that search a gallery: the paths of its nearest images.
NEIGHBOURS = "neighbours"


@dataclass(frozen=True)
class Neighbour:
    """An image of a gallery: its path, its label, and the cosine of its vector, in −1–1."""

    path: str
    label: str
    cosine: float


@dataclass(frozen=True)
class Prediction:
    """The model's prediction for one image.

    Attributes:
      valid: false if the image is refused.
      label: the most probable class; empty where not valid, or where the image has no label.
      score: the highest probability of a class, score of a box, or cosine of a neighbour, in 0–1.
      labels: what the image has, the most probable first: its class, or of a model that gives any
        number of labels those over their thresholds; of a model that gives boxes the classes of all
        boxes, the best first, whatever their score.
      probabilities: float32 [K], in the order of the contract's labels; of a model that gives each
        pixel a class, the shares of the classes; empty of a model that gives boxes or neighbours.
      version: the model's version.
      outputs: all outputs for this image, by name.
      invalid_reason: a code of the contract's invalid_reasons; empty if the image is valid, or if
        the model reports no reason.
      neighbours: the nearest images of a model that searches a gallery, the nearest first.
    """

    valid: bool
    label: str
    score: float
    probabilities: np.ndarray
    version: str
    outputs: Mapping[str, Any]
    invalid_reason: str = ""
    labels: tuple[str, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def text(self) -> str:
        """Returns the labels in one line; "none" for a valid image without any."""
        return ", ".join(self.labels) or ("none" if self.valid else "")


def of_answer(answer: protocol.Answer) -> list[Prediction]:
    """Splits the response of ``serving_default`` into one prediction per image.

    Raises:
      AttributeError, KeyError, TypeError, ValueError: it is no answer about labels.
    """
    rows = [
        {name: values[index] for name, values in answer.outputs.items()}
        for index in range(len(answer.outputs["valid"]))
    ]
    return [_of_row(row, answer.version) for row in rows]


def _of_row(row: Mapping[str, Any], version: str) -> Prediction:
    if DETECTIONS in row:
        return _of_boxes(row, version)
    if NEIGHBOURS in row:
        return _of_neighbours(row, version)
    if FRACTIONS in row:
        row = {**row, "probabilities": row[FRACTIONS], "score": row["confidence"]}
    valid, probabilities = bool(row["valid"]), np.atleast_1d(row["probabilities"])
    if LABELS in row:
        labels = tuple(names(row[LABELS])) if valid else ()
        label, score = (labels or ("",))[0], float(probabilities.max(initial=0.0))
    else:
        label, score = row["label"].decode(), float(row["score"])
        labels = (label,) if valid else ()
    return Prediction(
        valid=valid,
        label=label,
        score=score,
        probabilities=probabilities,
        version=version,
        outputs=row,
        invalid_reason=row.get("invalid_reason", b"").decode(),
        labels=labels,
    )


def _of_boxes(row: Mapping[str, Any], version: str) -> Prediction:
    count = int(row[DETECTIONS])
    found = tuple(dict.fromkeys(name.decode() for name in np.atleast_1d(row[LABELS])[:count]))
    return Prediction(
        valid=bool(row["valid"]),
        label=row["label"].decode(),
        score=float(np.max(row["scores"], initial=0.0)),
        probabilities=np.zeros(0, np.float32),
        version=version,
        outputs=row,
        invalid_reason=row.get("invalid_reason", b"").decode(),
        labels=found,
    )


def _of_neighbours(row: Mapping[str, Any], version: str) -> Prediction:
    valid, label = bool(row["valid"]), row["label"].decode()
    columns = (row[NEIGHBOURS], row["neighbour_labels"], row["cosines"])
    rows = zip(*map(np.atleast_1d, columns), strict=True)
    found = tuple(
        Neighbour(path.decode("utf-8", "replace"), name.decode("utf-8", "replace"), float(cosine))
        for path, name, cosine in rows
        if path
    )
    return Prediction(
        valid=valid,
        label=label,
        score=float(row["score"]),
        probabilities=np.zeros(0, np.float32),
        version=version,
        outputs=row,
        invalid_reason=row.get("invalid_reason", b"").decode(),
        labels=(label,) if valid and label else (),
        neighbours=found if valid else (),
    )


def names(content: bytes) -> list[str]:
    """Reads the JSON list of names that such a model gives for an image."""
    found = read_back.parse(content)
    if not (isinstance(found, list) and all(isinstance(name, str) for name in found)):
        raise ValueError(f"labels are no list of names: {content[:200]!r}")
    return found
