"""Figures of masks equal naive references that loop over pixels."""

import numpy as np
import pytest

from tasks.segmentation.figures import boundary, pixels, resampling

K = 4


def drawn(seed=0, void=0.1, shape=(13, 17)):
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, K, shape).astype(np.uint8)
    answer = np.where(generator.random(shape) < 0.6, truth, generator.integers(0, K, shape))
    truth[generator.random(shape) < void] = 255
    return truth, answer.astype(np.uint8)


def naive_iou(truth, answer, class_id):
    union = both = 0
    for true, told in zip(truth.ravel(), answer.ravel(), strict=True):
        if true != 255:
            union += true == class_id or told == class_id
            both += true == class_id and told == class_id
    return both / union


def test_every_rate_equals_a_loop_over_the_pixels():
    truth, answer = drawn()
    sums = pixels.Sums.of(pixels.confusion(truth, answer, K))
    seen = truth != 255
    ious = [naive_iou(truth, answer, class_id) for class_id in range(K)]
    np.testing.assert_allclose(sums.iou, ious)
    np.testing.assert_allclose(sums.dice, [2 * iou / (1 + iou) for iou in ious])
    assert sums.pixel_accuracy == pytest.approx((truth == answer)[seen].mean())
    assert sums.mean_iou == pytest.approx(np.mean(ious))
    shares = [(truth[seen] == class_id).mean() for class_id in range(K)]
    assert sums.frequency_weighted_iou == pytest.approx(np.dot(ious, shares))


def test_iou_and_dice_equal_scikit_learns_jaccard_and_f1():
    from sklearn import metrics

    truth, answer = drawn(3)
    seen = truth != 255
    sums = pixels.Sums.of(pixels.confusion(truth, answer, K))
    np.testing.assert_allclose(
        sums.iou, metrics.jaccard_score(truth[seen], answer[seen], average=None)
    )
    np.testing.assert_allclose(sums.dice, metrics.f1_score(truth[seen], answer[seen], average=None))


def test_void_never_counts():
    truth, answer = drawn(1, void=0.5)
    changed = answer.copy()
    changed[truth == 255] = 3 - changed[truth == 255]
    np.testing.assert_array_equal(
        pixels.confusion(truth, answer, K), pixels.confusion(truth, changed, K)
    )
    np.testing.assert_array_equal(
        boundary.counts(truth, answer, K)[:, 3], boundary.counts(truth, changed, K)[:, 3]
    )


def test_a_class_that_the_truth_lacks_is_left_out_of_the_mean():
    truth, answer = drawn(2, void=0)
    truth[truth == 3] = 0
    sums = pixels.Sums.of(pixels.confusion(truth, answer, K))
    assert np.isnan(sums.iou[3])
    assert sums.mean_iou == pytest.approx(np.mean([naive_iou(truth, answer, i) for i in range(3)]))


def test_an_image_without_an_answer_counts_as_wrong():
    truth, answer = drawn()
    whole = pixels.confusion(truth, answer, K) + pixels.confusion(truth, None, K)
    sums, alone = pixels.Sums.of(whole), pixels.Sums.of(pixels.confusion(truth, answer, K))
    assert sums.pixel_accuracy == pytest.approx(alone.pixel_accuracy / 2)
    assert (sums.iou < alone.iou).all()


def test_masks_of_different_sizes_are_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="the truth is"):
        pixels.confusion(np.zeros([2, 3], np.uint8), np.zeros([3, 2], np.uint8), K)


def naive_boundary(truth, answer, class_id, tolerance):
    """Loops over all pairs of outline pixels."""

    def outline(mask):
        height, width = mask.shape
        found = []
        for y in range(height):
            for x in range(width):
                if mask[y, x] != class_id:
                    continue
                for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                    v, u = y + dy, x + dx
                    inside = 0 <= v < height and 0 <= u < width
                    if inside and mask[v, u] != class_id:
                        found.append((y, x))
                        break
        return found

    true, told = outline(truth), outline(answer)

    def near(point, others):
        return any(np.hypot(point[0] - y, point[1] - x) <= tolerance for y, x in others)

    precision = sum(near(point, true) for point in told) / len(told)
    recall = sum(near(point, told) for point in true) / len(true)
    return 2 * precision * recall / (precision + recall)


def test_boundary_f1_equals_a_loop_over_pairs_of_outline_pixels():
    truth = np.zeros((200, 150), np.uint8)
    truth[60:120, 30:90] = 1
    answer = np.roll(truth, (2, 1), (0, 1))
    answer[:10, :10] = 1
    tolerance = boundary.TOLERANCE * np.hypot(200, 150)
    found = boundary.f1(boundary.counts(truth, answer, 2))
    assert found[1] == pytest.approx(naive_boundary(truth, answer, 1, tolerance))
    assert found[1] < 1
    assert boundary.f1(boundary.counts(truth, truth, 2)).tolist() == [1, 1]


def test_objects_by_size():
    truth = np.zeros((10, 10), np.uint8)
    truth[1:3, 1:3] = 1
    truth[5:9, 5:9] = 1
    answer = np.zeros_like(truth)
    answer[5:9, 5:7] = 1
    rows = pixels.object_sizes(truth, answer, 2)
    assert sorted(rows[rows[:, 0] == 1].tolist()) == [[1, 4, 0], [1, 16, 8]]


def matrices(count, seed=0):
    return np.stack([pixels.confusion(*drawn(seed + index), K) for index in range(count)])


def test_resamples_are_sums_of_drawn_images():
    found = resampling.resampled(np.eye(5), samples=50)
    assert (found.sum(1) == 5).all() and (found == found.round()).all()
    assert found.mean(0) == pytest.approx(np.ones(5), abs=0.5)
    np.testing.assert_array_equal(found, resampling.resampled(np.eye(5), samples=50))


def test_the_interval_holds_the_figure_and_narrows_with_images():
    def width(count):
        sample = matrices(count)
        low, high = resampling.interval(resampling.sums(sample).mean_iou, 0.95)
        assert low < pixels.Sums.of(sample.sum(0)).mean_iou < high
        return high - low

    assert width(64) < 0.6 * width(8)


def test_groups_are_drawn_together():
    sample = np.repeat(matrices(6), 10, axis=0)
    groups = [index // 10 for index in range(60)]
    alone = resampling.interval(resampling.sums(sample).mean_iou, 0.95)
    together = resampling.interval(
        resampling.sums(resampling.grouped(sample, groups)).mean_iou, 0.95
    )
    assert together.high - together.low > 2 * (alone.high - alone.low)
