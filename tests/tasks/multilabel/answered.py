"""Answers about images with several labels, made up for the tests here."""

import numpy as np

from tasks.multilabel import answers

LABELS = ["bus", "cat", "dog", "rare"]


def answered(probabilities, truths, thresholds=0.5, valid=None, labels=LABELS, **more):
    probabilities = np.asarray(probabilities, np.float32)
    count = len(probabilities)
    valid = np.ones(count, bool) if valid is None else np.asarray(valid, bool)
    return answers.Predictions(
        labels=list(labels),
        paths=[f"{number}.jpg" for number in range(count)],
        valid=valid,
        outlier_scores=np.zeros(count, np.float32),
        truths=np.asarray(truths, bool),
        probabilities=probabilities * valid[:, None],
        thresholds=np.broadcast_to(np.float32(thresholds), [len(labels)]),
        **more,
    )


class Sample:
    """300 images with up to four labels or none: three that cannot be read, a label on no image."""

    def __init__(self, seed: int = 0) -> None:
        generator = np.random.default_rng(seed)
        self.truths = generator.random((300, 4)) < [0.5, 0.3, 0.1, 0]
        logits = 2 * self.truths - 1 + generator.normal(0, 1.5, (300, 4))
        self.scores = (1 / (1 + np.exp(-logits))).astype(np.float32)
        self.thresholds = np.float32([0.4, 0.5, 0.7, 0.6])
        self.valid = np.arange(300) >= 3
        self.scores[:3] = 0
        self.given = (self.scores >= self.thresholds) & self.valid[:, None]

    def predictions(self) -> answers.Predictions:
        return answered(self.scores, self.truths, self.thresholds, self.valid)
