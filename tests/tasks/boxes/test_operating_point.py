"""The operating threshold, against a search over all scores."""

import dataclasses

import numpy as np
import pytest

from tasks.boxes import average_precision, matching, operating_point
from tests.tasks.boxes import made


def gathered(rows, classes=4):
    matches = [matching.match(truth, found, classes) for truth, found in rows]
    return average_precision.gather(matches, classes)


def naive(matches, class_id, threshold):
    here = (matches.class_ids == class_id) & (matches.scores >= threshold)
    counted = here & ~matches.ignored[0, 0]
    hits = (matches.hit[0, 0] & here).sum()
    return hits / max(1, counted.sum()), hits / matches.positives[0, :, class_id].sum()


def test_f1_is_the_highest_of_all_thresholds():
    ours = gathered(made.images(40))
    thresholds = operating_point.fit(ours)
    for class_id in range(3):

        def f1(threshold, class_id=class_id):
            precision, recall = naive(ours, class_id, threshold)
            return 2 * precision * recall / max(1e-9, precision + recall)

        best = max(f1(score) for score in np.unique(ours.scores))
        assert f1(thresholds[class_id]) == pytest.approx(best)
        point = operating_point.at(ours, class_id, thresholds[class_id])
        expected = naive(ours, class_id, thresholds[class_id])
        assert (point.precision, point.recall) == pytest.approx(expected)


def test_a_floor_of_precision_is_kept_with_the_most_recall():
    ours = gathered(made.images(40))
    threshold = operating_point.fit(ours, min_precision=0.35)[0]
    precision, recall = naive(ours, 0, threshold)
    assert precision >= 0.35
    scores = ours.scores[ours.class_ids == 0]
    others = [naive(ours, 0, score) for score in np.unique(scores)]
    assert recall == max(r for p, r in others if p >= 0.35)
    strict = operating_point.fit(ours, min_precision=1.01)[0]
    assert naive(ours, 0, strict)[0] == max(p for p, _ in others)


def test_a_class_with_few_objects_gets_the_common_threshold():
    ours = gathered(made.images(40))
    assert ours.positives[0, :, 3].sum() == 0
    as_one = dataclasses.replace(
        ours,
        class_ids=np.zeros_like(ours.class_ids),
        positives=ours.positives.sum(axis=2, keepdims=True),
    )
    assert operating_point.fit(ours)[3] == operating_point.fit(as_one)[0]
    nothing = gathered([(truth, matching.Detections()) for truth, _ in made.images(5)])
    assert operating_point.fit(nothing).tolist() == [operating_point.DEFAULT] * 4
