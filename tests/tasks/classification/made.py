"""Predictions made up for the tests here."""

import numpy as np

from tasks.classification import answers as predictions


def predicted(probabilities, label_ids, valid=None) -> predictions.Predictions:
    probabilities = np.asarray(probabilities, np.float32)
    count, classes = probabilities.shape
    valid = np.ones(count, bool) if valid is None else np.asarray(valid, bool)
    return predictions.Predictions(
        labels=[f"class {number}" for number in range(classes)],
        paths=[f"{number}.jpg" for number in range(count)],
        label_ids=np.asarray(label_ids, np.int64),
        probabilities=np.where(valid[:, None], probabilities, 0),
        valid=valid,
        outlier_scores=np.zeros(count, np.float32),
    )


def drawn(count: int, classes: int, seed: int, sharpness: float = 3.0) -> predictions.Predictions:
    """Perfectly calibrated: each label is drawn from the probabilities that are stated."""
    generator = np.random.default_rng(seed)
    logits = sharpness * generator.normal(size=(count, classes))
    probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    label_ids = [generator.choice(classes, p=row) for row in probabilities]
    return predicted(probabilities, label_ids)
