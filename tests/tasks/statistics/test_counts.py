import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from tasks.statistics import averages, counts


def confusion_of(true, predicted, class_count: int) -> np.ndarray:
    matrix = np.zeros([class_count, class_count + 1], int)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("class_count", [2, 3, 10])
def test_equals_scikit_learn_on_random_predictions(seed, class_count):
    generator = np.random.default_rng(seed)
    true, predicted = generator.integers(0, class_count, (2, 300))
    predicted[0] = class_count  # nothing predicted
    confusion = confusion_of(true, predicted, class_count)
    found = counts.Counts.of(confusion)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(class_count)
    )
    np.testing.assert_allclose(found.precision(), precision)
    np.testing.assert_allclose(found.recall(), recall)
    np.testing.assert_allclose(found.f1(), f1)
    assert found.support.tolist() == support.tolist()
    expected = sklearn_metrics.accuracy_score(true, predicted)
    assert found.accuracy() == pytest.approx(expected)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("class_count", [2, 3, 10])
def test_averages_equal_scikit_learns(average, class_count):
    true, predicted = np.random.default_rng(class_count).integers(0, class_count, (2, 300))
    predicted[:9] = class_count  # nothing predicted
    names = [str(i) for i in range(class_count)]
    found = averages.averages(counts.Counts.of(confusion_of(true, predicted, class_count)), names)
    expected = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(class_count), average=average
    )
    row = getattr(found, average)
    assert (row.precision, row.recall, row.f1) == pytest.approx(expected[:3])
    assert found.left_out == {}


def test_undefined_rates_are_none():
    matrix = confusion_of(
        [0, 0, 1, 0], [0, 0, 0, 3], 4
    )  # a, never predicted, absent, only predicted
    found = counts.Counts.of(matrix)
    np.testing.assert_array_equal(found.precision()[1:], [np.nan, np.nan, 0])
    np.testing.assert_array_equal(found.recall()[1:], [0, np.nan, np.nan])
    np.testing.assert_array_equal(found.f1()[1:], [0, np.nan, np.nan])
    assert np.isnan(counts.Counts.of(np.zeros([3, 4], int)).accuracy())


def test_averages_leave_out_and_name_what_is_undefined():
    matrix = confusion_of([0, 0, 1], [0, 0, 0], 3)
    found = averages.averages(counts.Counts.of(matrix), ["a", "b", "c"])
    assert found.left_out == {"precision": ["b", "c"], "recall": ["c"], "f1": ["c"]}
    assert found.macro.precision == pytest.approx(2 / 3)
    assert found.macro.recall == pytest.approx(1 / 2)
    assert found.macro.f1 == pytest.approx(0.8 / 2)
    assert found.weighted.recall == pytest.approx(2 / 3)
    empty = averages.averages(counts.Counts.of(np.zeros([2, 3], int)), ["a", "b"])
    nothing = averages.Average(None, None, None)
    assert (empty.macro, empty.weighted, empty.micro) == (nothing, nothing, nothing)


def test_an_image_without_a_prediction_counts_against_recall_alone():
    matrix = confusion_of([0, 0, 1], [0, 2, 1], 2)  # the last column: nothing predicted
    found = counts.Counts.of(matrix)
    assert found.recall()[0] == 0.5
    assert found.precision()[0] == 1.0
    assert found.accuracy() == pytest.approx(2 / 3)


@pytest.mark.parametrize("parts", [1, 7])
def test_answers_are_counted_as_their_matrix_is(parts):
    generator = np.random.default_rng(parts)
    label_ids = generator.integers(0, 4, 200)
    scores = generator.random((200, 4)).astype(np.float32)
    scores[:5], scores[5] = 0, np.nan  # nothing predicted
    predicted = np.where(np.arange(200) < 6, 4, scores.argmax(1))
    expected = counts.Counts.of(confusion_of(label_ids, predicted, 4))
    found = counts.Counts.empty()
    for part in np.array_split(np.arange(200), parts):
        piece = counts.Counts.empty()
        piece.add(label_ids[part], scores[part])
        found.merge(piece)
    for name in ("true_positives", "called", "support"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()


def test_a_class_that_is_no_column_counts_as_missed():
    found = counts.Counts.empty()
    found.add(np.array([0, 2]), np.array([[0.9, 0.1], [0.2, 0.8]]))
    assert (found.accuracy(), found.support.tolist()) == (0.5, [1, 0, 1])
