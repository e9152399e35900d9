"""A report of a model that answers with boxes, on made-up answers."""

import dataclasses

import numpy as np

from components.report import content, pictures
from tasks import collecting, evaluate_config
from tasks.boxes import matching
from tasks.detection.answers import Predictions
from tasks.detection.figures import FIGURES
from tasks.detection.panels import PANELS
from tests.components.report import samples
from tests.tasks.boxes import made
from tests.tasks.detection import made_predictions

BOX, FAR = (100, 100, 300, 300), (400, 400, 500, 500)


def truth(*corners, difficult=False):
    count = len(corners)
    return matching.Truth(
        boxes=np.reshape(np.float64(corners), (-1, 4)),
        class_ids=np.zeros(count, int),
        area_px=np.ones(count),
        is_crowd=np.zeros(count, bool),
        is_difficult=np.full(count, difficult),
    )


def found(*rows):
    values = np.reshape(np.float64(rows), (-1, 6))
    return matching.Detections(values[:, :4], values[:, 4], values[:, 5].astype(int))


def report(answers: Predictions | None = None) -> content.Content:
    """A report of the task, everything else as in a report of classification."""
    found = made_predictions.predictions(made.images(12)) if answers is None else answers
    shared = samples.real()
    job = shared.job.model_copy(
        update={"task": "detection", "labels": list(found.labels), "name": "shapes"}
    )
    config = evaluate_config.EvaluateConfig(bootstrap_samples=200)
    (measurement,) = FIGURES.measurements
    tally = measurement.tally(config)
    tally.add(found.targets, found.answers)
    whole = collecting.Measured(
        np.zeros([len(found.labels), len(found.labels) + 1]), len(found.paths), tally.values()
    )
    chosen = PANELS.choose(found, job.config)
    drawn = {}
    for number, path in enumerate(sorted(chosen.paths())):
        crops = [samples.painted(path, place)[0] for place, _ in enumerate(chosen.crops(path))]
        drawn[path] = pictures.Picture(samples.painted(path, number)[0], crops=crops)
    return dataclasses.replace(
        shared,
        job=job,
        result=FIGURES.collect(list(found.labels), config, whole, []),
        candidate=found,
        contract={
            **shared.contract,
            "labels": list(found.labels),
            "thresholds": dict.fromkeys(found.labels, made_predictions.THRESHOLD),
        },
        chosen=chosen,
        drawn=drawn,
    )
