"""A report of a model that answers with masks, on drawn scenes."""

import dataclasses

import numpy as np

from components.report import content, pictures
from tasks import collecting, evaluate_config
from tasks.segmentation.answers.masks import Predictions
from tasks.segmentation.figures import FIGURES
from tasks.segmentation.panels import PANELS
from tests import scenes
from tests.components.report import samples
from tests.tasks.segmentation import made

LABELS = [*scenes.CLASSES, "bird"]  # which no image shows


def drawn(count: int = 12, doubtful: int = 2) -> Predictions:
    """Makes answers that are a pixel off, with a large box that the masks lack in some images."""
    truths = [scenes.draw(seed)[1] for seed in range(count)]
    told = [np.roll(np.where(one == scenes.VOID, 0, one), 1, axis=1) for one in truths]
    for one in told[:doubtful]:
        one[4:12, 8:40] = 2
    return made.predictions(truths, [one.astype(np.uint8) for one in told], LABELS, LABELS)


def report(found: Predictions | None = None) -> content.Content:
    """A report of the task, everything else as in a report of classification."""
    found = drawn() if found is None else found
    shared = samples.real()
    job = shared.job.model_copy(
        update={"task": "segmentation", "labels": list(found.labels), "name": "road"}
    )
    config = evaluate_config.EvaluateConfig(bootstrap_samples=200)
    (measurement,) = FIGURES.measurements
    tally = measurement.tally(config)
    tally.add(found.targets, found.answers)
    whole = collecting.Measured(
        np.zeros([len(LABELS), len(LABELS) + 1]), len(found.paths), tally.values()
    )
    chosen = PANELS.choose(found, job.config)
    return dataclasses.replace(
        shared,
        job=job,
        result=FIGURES.collect(list(found.labels), config, whole, []),
        candidate=found,
        contract={**shared.contract, "labels": list(found.labels), "resize": "stretch"},
        chosen=chosen,
        drawn={
            path: pictures.Picture(samples.painted(path, number)[0])
            for number, path in enumerate(sorted(chosen.paths()))
        },
    )
