"""Selects images for review: mistakes, uncertain answers, and labels that may be wrong.

All functions expect predictions whose columns follow the numbering of ``label_ids``, see
Predictions.aligned. Images that the model could not read are in no list.

Dimension letters: N images, K classes, P classes with images.
"""

from dataclasses import dataclass

import numpy as np
from cleanlab import filter as confident_learning

from tasks.classification import answers as predictions

LIMIT = 50


@dataclass(frozen=True)
class Row:
    """One image.

    Attributes:
      path: the file, as in image/filename.
      label: the true class, by its folder.
      predicted: the most probable class.
      probability: of the predicted class, in 0–1.
      label_probability: of the true class, in 0–1.
    """

    path: str
    label: str
    predicted: str
    probability: float
    label_probability: float


def worst(found: predictions.Predictions, limit: int = LIMIT) -> list[Row]:
    """Returns the mistakes with the highest probability, the highest first."""
    wrong = np.flatnonzero(found.valid & ~found.correct)
    return _rows(found, _ordered(wrong, -found.probabilities.max(1, initial=0.0)), limit)


def most_uncertain(found: predictions.Predictions, limit: int = LIMIT) -> list[Row]:
    """Returns the images whose two most probable classes are closest, the closest first.

    Source: margin sampling, Scheffer et al., "Active Hidden Markov Models for Information
    Extraction", 2001. Empty where there is only one class.
    """
    if len(found.labels) < 2:
        return []
    top = np.sort(found.probabilities, axis=1)[:, -2:]
    return _rows(found, _ordered(np.flatnonzero(found.valid), top[:, 1] - top[:, 0]), limit)


def label_errors(found: predictions.Predictions, limit: int = LIMIT) -> list[Row]:
    """Returns the images whose label is likely wrong, the likeliest first.

    An image is listed where its label is improbable and another class is at least as probable
    as it is, on average, for that class's own images. The model must not have been trained on
    the images.

    Source: confident learning, Northcutt et al., 2021, https://arxiv.org/abs/1911.00068, by
    cleanlab. Classes without images are left out, since the method has no threshold for them.

    Args:
      found: a model's answers about a split.
      limit: the maximum number of rows.
    """
    usable = np.flatnonzero(found.valid)
    present, label_ids = np.unique(found.label_ids[usable], return_inverse=True)
    if len(present) < 2:
        return []
    probabilities = found.probabilities[np.ix_(usable, present)].astype(np.float64)
    # All probability may be on a class that is left out: the others are then equally improbable.
    probabilities = np.maximum(probabilities, np.finfo(np.float32).tiny)
    probabilities /= probabilities.sum(1, keepdims=True)
    # More processes would each import everything, for milliseconds of work.
    issues = confident_learning.find_label_issues(
        labels=label_ids,
        pred_probs=probabilities,
        filter_by="confident_learning",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    return _rows(found, usable[issues], limit)


def _ordered(indices: np.ndarray, key: np.ndarray) -> np.ndarray:
    """Returns indices by ascending key; equal keys stay in the order of the records."""
    return indices[np.argsort(key[indices], kind="stable")]


def _rows(found: predictions.Predictions, indices: np.ndarray, limit: int) -> list[Row]:
    predicted_ids = found.predicted_ids
    return [
        Row(
            path=found.paths[index],
            label=found.labels[found.label_ids[index]],
            predicted=found.labels[predicted_ids[index]],
            probability=float(found.probabilities[index, predicted_ids[index]]),
            label_probability=float(found.probabilities[index, found.label_ids[index]]),
        )
        for index in indices[:limit]
    ]
