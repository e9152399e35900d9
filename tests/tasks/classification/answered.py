"""Answers by counts, and those of real classifiers of digits."""

from collections.abc import Sequence

import numpy as np
from sklearn import datasets, linear_model

from tasks.classification import answers as predictions

DIGITS = [str(digit) for digit in range(10)]
TRAIN = 900


def answers(
    labels: Sequence[str],
    label_ids: np.ndarray,
    probabilities: np.ndarray,
    paths: Sequence[str] | None = None,
) -> predictions.Predictions:
    """Predictions of valid images."""
    count = len(label_ids)
    return predictions.Predictions(
        labels=list(labels),
        paths=list(paths) if paths else [f"{index:04d}.png" for index in range(count)],
        label_ids=np.asarray(label_ids, np.int64),
        probabilities=np.asarray(probabilities, np.float32),
        valid=np.ones(count, bool),
        outlier_scores=np.zeros(count, np.float32),
    )


def chosen(
    labels: Sequence[str], label_ids: Sequence[int], predicted_ids: Sequence[int]
) -> predictions.Predictions:
    """Predictions of a model that is sure of one class for every image."""
    return answers(labels, np.array(label_ids), np.eye(len(labels))[np.array(predicted_ids, int)])


class Digits:
    """The 8×8 digits of scikit-learn: images [N, 64] in 0–1, half to train on, half to test on."""

    def __init__(self) -> None:
        images, self.label_ids = datasets.load_digits(return_X_y=True)
        self.images = images / 16
        self.test = np.arange(TRAIN, len(images))

    def fit(self, rows: np.ndarray) -> linear_model.LogisticRegression:
        """A classifier trained on some rows of the first half."""
        model = linear_model.LogisticRegression(max_iter=2000)
        return model.fit(self.images[rows], self.label_ids[rows])

    def ask(
        self,
        model: linear_model.LogisticRegression,
        rows: np.ndarray | None = None,
        labels: Sequence[str] = DIGITS,
    ) -> predictions.Predictions:
        """Returns a classifier's answers about the test images."""
        rows = self.test if rows is None else rows
        paths = [f"{row:04d}.png" for row in rows]
        probabilities = model.predict_proba(self.images[rows])
        return answers(labels, self.label_ids[rows], probabilities, paths)
