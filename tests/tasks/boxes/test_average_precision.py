"""Average precision, equal to pycocotools and to hand-made cases."""

import contextlib
import io

import numpy as np
import pytest

from tasks.boxes import average_precision, matching
from tests.tasks.boxes import made

CLASSES = 4


def gathered(rows, classes=CLASSES):
    matches = [matching.match(truth, found, classes) for truth, found in rows]
    return average_precision.gather(matches, classes)


def by_pycocotools(rows):
    """COCOeval's precision [T, R, K, A] and recall [T, K, A] at 100 detections."""
    pytest.importorskip("pycocotools", reason="pycocotools is not installed")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    annotations, answers = [], []
    for image_id, (truth, found) in enumerate(rows, start=1):
        for index, (top, left, bottom, right) in enumerate(truth.boxes):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": int(truth.class_ids[index]) + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "area": truth.area_px[index],
                    "iscrowd": int(truth.is_crowd[index]),
                }
            )
        for index, (top, left, bottom, right) in enumerate(found.boxes):
            answers.append(
                {
                    "image_id": image_id,
                    "category_id": int(found.class_ids[index]) + 1,
                    "bbox": [left, top, right - left, bottom - top],
                    "score": found.scores[index],
                }
            )
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": number} for number in range(1, len(rows) + 1)],
            "annotations": annotations,
            "categories": [{"id": number} for number in range(1, CLASSES + 1)],
        }
        coco.createIndex()
        evaluated = COCOeval(coco, coco.loadRes(answers), "bbox")
        evaluated.evaluate()
        evaluated.accumulate()
    return evaluated.eval["precision"][..., -1], evaluated.eval["recall"][..., -1]


@pytest.mark.parametrize("seed", range(4))
def test_equals_pycocotools(seed):
    rows = made.images(seed=seed)
    precision, recall = by_pycocotools(rows)
    ours = gathered(rows)
    for area in range(len(matching.AREAS)):
        expected = precision[..., area].mean(axis=1)
        expected = np.where(expected < 0, np.nan, expected)
        np.testing.assert_allclose(
            average_precision.per_class(ours, area=area), expected, rtol=0, atol=1e-12
        )
        expected = np.where(recall[..., area] < 0, np.nan, recall[..., area])
        np.testing.assert_allclose(average_precision.recalls(ours, area), expected, atol=1e-12)


def test_a_class_without_objects_is_left_out():
    found = average_precision.per_class(gathered(made.images()))
    assert np.isnan(found[:, CLASSES - 1]).all()
    assert not np.isnan(found[:, : CLASSES - 1]).any()
    assert average_precision.mean(found) == pytest.approx(found[:, : CLASSES - 1].mean())


def test_perfect_and_useless_answers():
    truth = matching.Truth(
        np.array([[0, 0, 10, 10.0]]), np.array([0]), np.array([100.0]), *np.zeros((2, 1), bool)
    )
    right = matching.Detections(truth.boxes, np.array([0.4]), np.array([0]))
    wrong = matching.Detections(truth.boxes, np.array([0.4]), np.array([1]))
    found = average_precision.per_class(gathered([(truth, right)], 2))
    assert found[:, 0].tolist() == pytest.approx([1.0] * 10)
    assert average_precision.per_class(gathered([(truth, wrong)], 2))[:, 0].tolist() == [0.0] * 10
    nothing = average_precision.per_class(gathered([(truth, matching.Detections())], 2))
    assert nothing[:, 0].tolist() == [0.0] * 10


def test_difficult_objects_cost_nothing():
    rows = made.images(difficult=0.3, seed=8)
    without = []
    for truth, found in rows:
        keep = ~truth.is_difficult
        overlaps = average_precision_free(truth, found)
        kept = matching.Truth(
            truth.boxes[keep],
            truth.class_ids[keep],
            truth.area_px[keep],
            truth.is_crowd[keep],
            truth.is_difficult[keep],
        )
        rest = matching.Detections(
            found.boxes[~overlaps], found.scores[~overlaps], found.class_ids[~overlaps]
        )
        without.append((kept, rest))
    assert sum(truth.is_difficult.sum() for truth, _ in rows) > 10
    ours, expected = gathered(rows), gathered(without)
    np.testing.assert_array_equal(ours.positives, expected.positives)
    low = average_precision.per_class(expected)[0, : CLASSES - 1]
    assert (average_precision.per_class(ours)[0, : CLASSES - 1] >= low - 1e-12).all()


def average_precision_free(truth, found):
    """Which detections took a difficult object at an IoU of 0.5."""
    matches = matching.match(truth, found, CLASSES)
    order = np.lexsort((np.arange(len(found.scores)), -found.scores, found.class_ids))
    taken = np.zeros(len(order), bool)
    taken[order] = matches.ignored[0, 0]
    return taken


def test_weights_repeat_images():
    rows = made.images(12, seed=3)
    counts = np.random.default_rng(1).integers(0, 3, 12)
    repeated = [row for row, count in zip(rows, counts, strict=True) for _ in range(count)]
    weighted = average_precision.bootstrap(gathered(rows), counts[None].astype(float))
    expected = average_precision.per_class(gathered(repeated))[0]
    # Equal scores of repeated images stand in another order; AP hardly depends on it.
    np.testing.assert_allclose(weighted[0], expected, atol=0.02)
    whole = average_precision.bootstrap(gathered(rows), np.ones((1, 12)))[0]
    np.testing.assert_array_equal(whole, average_precision.per_class(gathered(rows))[0])


def test_curve_ends_at_the_recall():
    ours = gathered(made.images(seed=5))
    recall, precision, scores = average_precision.curve(ours, 0)
    assert recall[-1] == pytest.approx(average_precision.recalls(ours)[0, 0])
    assert (np.diff(scores) <= 0).all()
    assert ((precision >= 0) & (precision <= 1)).all()
