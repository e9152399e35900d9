"""Records with boxes, and answers of a made-up model as they are read from disk."""

import numpy as np
import tensorflow as tf

from data.boxes import features, resolve
from data.examples import example
from tasks.boxes import rows
from tasks.detection import answers

THRESHOLD = 0.5


def predictions(pairs, labels=("a", "b", "c", "d")):
    objects = [
        np.concatenate(
            [
                truth.boxes,
                np.stack(
                    [truth.class_ids, truth.is_crowd, truth.is_difficult, truth.area_px], axis=1
                ),
            ],
            axis=1,
        )
        for truth, _ in pairs
    ]
    found = [
        np.concatenate(
            [other.boxes, np.stack([other.scores, other.class_ids, other.scores >= THRESHOLD], 1)],
            axis=1,
        )
        for _, other in pairs
    ]
    count = len(pairs)
    return answers.Predictions(
        labels=list(labels),
        paths=[f"{index:03d}.jpg" for index in range(count)],
        valid=np.ones(count, bool),
        outlier_scores=np.zeros(count, np.float32),
        objects=rows.many(objects),
        detections=rows.many(found),
        sizes=np.full((count, 2), 600),
    )


def record(boxes, labels, height=50, width=100, **flags):
    count = len(boxes)
    annotation = resolve.Annotation(
        np.float32(boxes).reshape(-1, 4),
        tuple(labels),
        np.array(flags.get("crowd", [False] * count), bool),
        np.array(flags.get("difficult", [False] * count), bool),
        np.ones(count, np.float32),
    )
    encoded = features.encode(annotation, {"apple": 0, "pear": 1})
    sizes = {example.HEIGHT: height, example.WIDTH: width}
    encoded |= {name: features.integers([value]) for name, value in sizes.items()}
    return tf.train.Example(features=tf.train.Features(feature=encoded)).SerializeToString()
