"""Random objects and answers about them."""

import numpy as np

from tasks.boxes import matching


def images(count=25, classes=4, seed=0, difficult=0.0, digits=2, answers=0):
    """Returns objects and answers of images; the last class has no object.

    With two digits, scores are equal now and then. ``answers`` numbers models that answer about the
    same objects.
    """
    generator = np.random.default_rng(seed)
    answering = np.random.default_rng([seed, answers])
    rows = []
    for _ in range(count):
        objects = int(generator.integers(0, 8))
        low = generator.uniform(0, 300, (objects, 2))
        sides = np.exp(generator.uniform(np.log(6), np.log(250), (objects, 2)))
        boxes = np.round(np.concatenate([low, low + sides], axis=1), 1)
        truth = matching.Truth(
            boxes=boxes,
            class_ids=generator.integers(0, classes - 1, objects),
            area_px=sides.prod(axis=1) * generator.uniform(0.6, 1, objects),
            is_crowd=generator.random(objects) < 0.15,
            is_difficult=generator.random(objects) < difficult,
        )
        near = boxes.repeat(2, axis=0) + answering.normal(0, 6, (2 * objects, 4))
        ids = truth.class_ids.repeat(2)
        changed = answering.random(len(ids)) < 0.2
        ids = np.where(changed, answering.integers(0, classes, len(ids)), ids)
        far = answering.uniform(0, 300, (3, 2))
        boxes = np.concatenate([near, np.concatenate([far, far + 40], axis=1)])
        boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2] + 1)
        ids = np.concatenate([ids, answering.integers(0, classes, 3)])
        scores = np.round(answering.uniform(0.01, 1, len(ids)), digits)
        rows.append((truth, matching.Detections(boxes, scores, ids)))
    return rows
