"""Predictions of a served model, image by image. Dimension letter: K classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.client import protocol


@dataclass(frozen=True)
class Prediction:
    """The model's prediction for one image.

    Attributes:
      valid: false if the image is refused.
      label: the most probable class; empty where not valid.
      score: its probability in 0–1.
      probabilities: float32 [K], in the order of the contract's labels.
      version: the model's version.
      outputs: all outputs for this image, by name.
      invalid_reason: a code of the contract's invalid_reasons; empty if the image is valid, or if
        the model reports no reason.
    """

    valid: bool
    label: str
    score: float
    probabilities: np.ndarray
    version: str
    outputs: Mapping[str, Any]
    invalid_reason: str = ""


def of_answer(answer: protocol.Answer) -> list[Prediction]:
    """Splits the response of ``serving_default`` into one prediction per image."""
    rows = [
        {name: values[index] for name, values in answer.outputs.items()}
        for index in range(len(answer.outputs["valid"]))
    ]
    return [
        Prediction(
            valid=bool(row["valid"]),
            label=row["label"].decode(),
            score=float(row["score"]),
            probabilities=np.atleast_1d(row["probabilities"]),
            version=answer.version,
            outputs=row,
            invalid_reason=row.get("invalid_reason", b"").decode(),
        )
        for row in rows
    ]
