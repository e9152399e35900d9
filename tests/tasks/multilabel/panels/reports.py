"""A report of a model of many labels, with the answers given or drawn."""

import dataclasses

import numpy as np

from components.report import content, pictures
from tasks import collecting, evaluate_config
from tasks.multilabel import answers as multilabel
from tasks.multilabel.figures import FIGURES
from tasks.multilabel.panels import PANELS
from tests.components.report import samples

LABELS = ("sky", "sea", "sand", "boat", "dog")
RATES = (0.9, 0.6, 0.4, 0.2, 0.1)


def answered(
    truths, probabilities, thresholds, labels=LABELS, valid=None
) -> multilabel.Predictions:
    count = len(truths)
    flags = np.ones(count, bool) if valid is None else np.array(valid)
    return multilabel.Predictions(
        labels=list(labels),
        paths=[f"{index}.jpg" for index in range(count)],
        valid=flags,
        outlier_scores=np.linspace(0, 1, count, dtype=np.float32),
        truths=np.array(truths, bool),
        probabilities=np.array(probabilities, np.float32) * flags[:, None],
        thresholds=np.array(thresholds, np.float32),
    )


def drawn(count: int = 200, seed: int = 0) -> multilabel.Predictions:
    """Makes answers that are mostly right, some labels in no image."""
    random = np.random.default_rng(seed)
    truths = random.random([count, len(LABELS)]) < RATES
    truths[:, 1] |= truths[:, 2]  # no sand without the sea
    truths[:, -1] = False
    centre = np.where(truths, 0.75, 0.2)
    noise = random.normal(0, 0.18, truths.shape)
    return answered(truths, np.clip(centre + noise, 0.01, 0.99), [0.5, 0.5, 0.4, 0.45, 0.6])


def measured(found: multilabel.Predictions):
    """The figures of the answers."""
    config = evaluate_config.EvaluateConfig()
    values = {}
    for measurement in FIGURES.measurements:
        tally = measurement.tally(config)
        tally.add(found.targets, found.answers)
        values |= tally.values()
    count = len(found.paths)
    whole = collecting.Measured(np.zeros([0, 1], np.int64), count, values)
    return FIGURES.collect(list(found.labels), config, whole, [])


def report(found: multilabel.Predictions | None = None, like=None) -> content.Content:
    """A report of the task, everything else as in a report of classification."""
    found = drawn() if found is None else found
    shared = like or samples.real()
    job = shared.job.model_copy(
        update={"task": "multilabel", "labels": list(found.labels), "name": "beach"}
    )
    chosen = PANELS.choose(found, job.config)
    thresholds = dict(zip(found.labels, map(float, found.thresholds), strict=True))
    return dataclasses.replace(
        shared,
        job=job,
        result=measured(found),
        candidate=found,
        contract={**shared.contract, "labels": list(found.labels), "thresholds": thresholds},
        chosen=chosen,
        drawn={
            path: pictures.Picture(
                samples.painted(path, number)[0],
                of={name: samples.painted(name, number)[1] for name in chosen.explained(path)},
            )
            for number, path in enumerate(sorted(chosen.paths()))
        },
    )
