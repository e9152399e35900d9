"""Simulated pairs of models that answer with boxes, judged as the release gate does.

Images have objects of classes of unequal numbers, and some images are harder than others for both
models. Each model finds an object with its own chance, places its box with an error, and adds false
detections; its scores are higher for what is there, but not always.
"""

import collections
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from tasks import evidence_config, figure_loss
from tasks.boxes import rows
from tasks.detection import evidence
from tasks.detection.answers import Predictions

IMAGES, CLASSES = (15, 60), 2
RESAMPLES = 1000
SPREAD = 0.15
# The second class has half of the objects of the first.
OBJECTS = (2.0, 1.0)
FALSE, RECALL = 1.0, 0.8
MARGINS = {
    "boxes": evidence_config.EvidenceConfig(bootstrap_samples=RESAMPLES),
    "boxes, no margin": evidence_config.EvidenceConfig(
        bootstrap_samples=RESAMPLES, max_map50_drop=0.0, max_ap50_drop=0.0
    ),
}
LOSSES = (("none", 0.0, 1), ("40 points of one class", 0.4, 4))
VERDICTS = ("release", "inconclusive", "refuse")


def truth(images: int, random: np.random.Generator) -> list[np.ndarray]:
    """Draws the objects of N images: rows [G, 8], see tasks.boxes.rows."""
    made = []
    for _ in range(images):
        counts = random.poisson(OBJECTS)
        ids = np.repeat(np.arange(CLASSES), counts)
        low, sides = random.uniform(0, 400, [len(ids), 2]), random.uniform(30, 150, [len(ids), 2])
        corners = np.concatenate([low, low + sides], axis=1)
        rest = np.stack([ids, 0 * ids, 0 * ids, sides.prod(axis=1)], axis=1)
        made.append(np.concatenate([corners, rest], axis=1))
    return made


def answers(
    objects: list[np.ndarray],
    recalls: np.ndarray,
    hardness: np.ndarray,
    random: np.random.Generator,
) -> Predictions:
    """Draws a model's answers: float64 [D, 7] of each image."""
    made = []
    for one, hard in zip(objects, hardness, strict=True):
        ids = one[:, 4].astype(int)
        found = random.random(len(one)) < np.clip(recalls[ids] + hard, 0, 1)
        sides = np.tile(one[:, 2:4] - one[:, :2], 2)
        placed = one[:, :4] + random.normal(0, 0.08, [len(one), 4]) * sides
        count = random.poisson(FALSE)
        low = random.uniform(0, 400, [count, 2])
        false = np.concatenate([low, low + random.uniform(30, 150, [count, 2])], axis=1)
        corners = np.concatenate([placed[found], false])
        scores = np.concatenate([random.beta(4, 2, found.sum()), random.beta(2, 4, count)])
        named = np.concatenate([ids[found], random.integers(0, CLASSES, count)])
        made.append(np.concatenate([corners, np.stack([scores, named, scores >= 0.5], 1)], axis=1))
    total = len(objects)
    return Predictions(
        labels=[str(number) for number in range(CLASSES)],
        paths=[str(number) for number in range(total)],
        valid=np.ones(total, bool),
        outlier_scores=np.zeros(total, np.float32),
        objects=rows.many(objects),
        detections=rows.many(made),
        sizes=np.full((total, 2), 600),
    )


def simulate(pairs: int, seed: int, show: Callable[[dict[str, Any]], None]) -> list[dict[str, Any]]:
    """Simulates equal models, and a quarter as many that lose on the rarer class.

    Args:
      pairs: of equal models, for each number of images.
      seed: of the simulation.
      show: called with each row.

    Returns:
      For each setting of the margins the shares of the verdicts, and the number of pairs.
    """
    listed = []
    for images, (what, loss, rarer) in itertools.product(IMAGES, LOSSES):
        random, number = np.random.default_rng([seed, images]), max(1, pairs // rarer)
        found: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
        for _ in range(number):
            objects, hardness = truth(images, random), random.normal(0, SPREAD, images)
            recalls = np.full(CLASSES, RECALL)
            served = answers(objects, recalls, hardness, random)
            worse = recalls - loss * np.eye(CLASSES)[-1]
            candidate = answers(objects, worse, hardness, random)
            for name, verdict in _verdicts(candidate, served).items():
                found[name][verdict] += 1
        for name in MARGINS:
            shares = {verdict: found[name][verdict] / number for verdict in VERDICTS}
            about = {"setting": name, "loss": what, "images": images, "classes": CLASSES}
            listed.append({**about, "pairs": number, **shares})
            show(listed[-1])
    return listed


def _verdicts(candidate: Predictions, served: Predictions) -> dict[str, str]:
    """Returns the worst verdict of the gate's comparison, for each setting of the margins."""
    places = [place for place in range(CLASSES) if candidate.support[place]]
    # The margins are applied to what is compared once.
    whole, *classes = evidence.compare(candidate, served, places, next(iter(MARGINS.values())))
    found = {}
    for name, settings in MARGINS.items():
        about = (len(candidate.paths), 1 + len(places))
        judged = figure_loss.Judged(evidence.WHOLE, "mAP50", settings.max_map50_drop, *about)
        verdicts = [figure_loss.of_whole(whole, judged, settings).verdict]
        for place, one in zip(places, classes, strict=True):
            about = (int(candidate.support[place]), 1 + len(places))
            judged = figure_loss.Judged(evidence.CLASS, "AP50", settings.max_ap50_drop, *about)
            verdicts.append(figure_loss.of_class("class", one, judged, settings).verdict)
        found[name] = str(max(verdicts, key=VERDICTS.index))
    return found
