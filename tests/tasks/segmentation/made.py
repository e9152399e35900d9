"""Answers about small masks, as Predict stores them."""

import numpy as np

from data.masks import convert
from tasks.segmentation.answers.masks import Predictions

LABELS = ["sky", "road", "tree"]


def masks(count: int = 6, seed: int = 0, right: float = 0.8) -> tuple[list, list]:
    """Returns true masks and a model's, uint8 [12, 20] each."""
    generator = np.random.default_rng(seed)
    truths, told = [], []
    for _ in range(count):
        truth = np.repeat(generator.integers(0, len(LABELS), [12, 5]), 4, axis=1).astype(np.uint8)
        wrong = generator.random(truth.shape) > right
        told.append(np.where(wrong, (truth + 1) % len(LABELS), truth).astype(np.uint8))
        truth[0] = 255
        truths.append(truth)
    return truths, told


def predictions(truths, told, labels=LABELS, names=LABELS, valid=None, sure=None) -> Predictions:
    count = len(truths)
    valid = np.ones(count, bool) if valid is None else valid
    common = {
        "labels": list(labels),
        "paths": [f"{index}.png" for index in range(count)],
        "valid": valid,
        "outlier_scores": np.zeros(count, np.float32),
        "spans": np.full(count, -1),
    }
    columns = {name: np.empty(count, object) for name in ("truths", "masks", "sure")}
    columns["sure"][:] = [convert.encode(one) for one in (told if sure is None else sure)]
    columns["truths"][:] = [convert.encode(one) for one in truths]
    columns["masks"][:] = [
        convert.encode(one) if is_valid else b"" for one, is_valid in zip(told, valid, strict=True)
    ]
    return Predictions.of(common, names, **columns, confidences=np.full(count, 0.5, np.float32))
