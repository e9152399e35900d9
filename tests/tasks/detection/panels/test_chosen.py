"""The test images that the report shows, by their likely errors."""

import numpy as np

from components.report import config as report_config
from tasks.boxes import matching
from tasks.detection.panels import chosen
from tests.tasks.detection.made_predictions import predictions


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


BOX, FAR = (100, 100, 300, 300), (400, 400, 500, 500)
PAIRS = [
    (truth(BOX), found((*BOX, 0.9, 0))),  # right
    (truth(BOX), found((*BOX, 0.9, 0), (*FAR, 0.8, 0))),  # a box may be missing
    (truth(BOX, FAR), found((*BOX, 0.9, 0))),  # nothing at all where a box is
    (truth(FAR), found((*FAR, 0.02, 1))),  # missed, though another class is faintly seen there
    (truth(FAR, difficult=True), found()),  # difficult objects do not count
]


def test_images_are_listed_by_what_may_be_wrong_with_them():
    picked = chosen.choose(predictions(PAIRS), report_config.ReportConfig())
    names = {
        name: [row.path for row in getattr(picked, name)]
        for name in ("worst", "unmarked", "unseen")
    }
    assert names["worst"] == ["001.jpg", "002.jpg", "003.jpg"]
    assert names["unmarked"] == ["001.jpg"]
    assert names["unseen"] == ["002.jpg"]
    assert picked.paths() == {"001.jpg", "002.jpg", "003.jpg"}
