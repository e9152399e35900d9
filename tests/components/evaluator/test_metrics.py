import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.evaluator import metrics


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
    names = [str(i) for i in range(class_count)]
    confusion = confusion_of(true, predicted, class_count)
    found = metrics.per_class(confusion, names)
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(class_count)
    )
    for index, name in enumerate(names):
        row = found[name]
        assert (row.precision, row.recall, row.f1) == pytest.approx(
            (precision[index], recall[index], f1[index])
        )
        assert row.support == support[index]
    expected = sklearn_metrics.accuracy_score(true, predicted)
    assert metrics.accuracy(confusion) == pytest.approx(expected)


@pytest.mark.parametrize("average", ["macro", "weighted", "micro"])
@pytest.mark.parametrize("class_count", [2, 3, 10])
def test_averages_equal_scikit_learns(average, class_count):
    true, predicted = np.random.default_rng(class_count).integers(0, class_count, (2, 300))
    predicted[:9] = class_count  # nothing predicted
    names = [str(i) for i in range(class_count)]
    found = metrics.averages(confusion_of(true, predicted, class_count), names)
    expected = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(class_count), average=average
    )
    row = getattr(found, average)
    assert (row.precision, row.recall, row.f1) == pytest.approx(expected[:3])
    assert found.left_out == {}


def test_undefined_rates_are_none():
    matrix = confusion_of([0, 0, 1, 0], [0, 0, 0, 3], 4)
    found = metrics.per_class(matrix, ["a", "never predicted", "absent", "only predicted"])
    assert found["never predicted"] == metrics.ClassMetrics(None, 0.0, 0.0, 1)
    assert found["absent"] == metrics.ClassMetrics(None, None, None, 0)
    assert found["only predicted"] == metrics.ClassMetrics(0.0, None, None, 0)
    assert metrics.accuracy(np.zeros([3, 4], int)) is None


def test_averages_leave_out_and_name_what_is_undefined():
    matrix = confusion_of([0, 0, 1], [0, 0, 0], 3)
    found = metrics.averages(matrix, ["a", "b", "c"])
    assert found.left_out == {"precision": ["b", "c"], "recall": ["c"], "f1": ["c"]}
    assert found.macro.precision == pytest.approx(2 / 3)
    assert found.macro.recall == pytest.approx(1 / 2)
    assert found.macro.f1 == pytest.approx(0.8 / 2)
    assert found.weighted.recall == pytest.approx(2 / 3)
    empty = metrics.averages(np.zeros([2, 3], int), ["a", "b"])
    nothing = metrics.Average(None, None, None)
    assert (empty.macro, empty.weighted, empty.micro) == (nothing, nothing, nothing)


def test_an_image_without_a_prediction_counts_against_recall_alone():
    matrix = confusion_of([0, 0, 1], [0, 2, 1], 2)  # the last column: nothing predicted
    found = metrics.per_class(matrix, ["a", "b"])
    assert found["a"].recall == 0.5
    assert found["a"].precision == 1.0
    assert metrics.accuracy(matrix) == pytest.approx(2 / 3)
