import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from components.evaluator import config, metrics


def confusion_of(true, predicted, class_count: int) -> np.ndarray:
    matrix = np.zeros([class_count, class_count + 1], int)
    np.add.at(matrix, (true, predicted), 1)
    return matrix


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("class_count", [2, 3, 10])
def test_equals_scikit_learn_on_random_predictions(seed, class_count):
    generator = np.random.default_rng(seed)
    true, predicted = generator.integers(0, class_count, (2, 300))
    names = [str(i) for i in range(class_count)]
    found = metrics.per_class(confusion_of(true, predicted, class_count), names)
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
    assert metrics.accuracy(confusion_of(true, predicted, class_count)) == pytest.approx(expected)


def test_undefined_rates_are_none():
    matrix = confusion_of([0, 0, 1], [0, 0, 0], 3)
    found = metrics.per_class(matrix, ["a", "b", "c"])
    assert found["b"] == metrics.ClassMetrics(precision=None, recall=0.0, f1=0.0, support=1)
    assert found["c"] == metrics.ClassMetrics(precision=None, recall=None, f1=None, support=0)
    assert metrics.accuracy(np.zeros([3, 4], int)) is None


def test_an_image_without_a_prediction_counts_against_recall_alone():
    matrix = confusion_of([0, 0, 1], [0, 2, 1], 2)  # the last column: nothing predicted
    found = metrics.per_class(matrix, ["a", "b"])
    assert found["a"].recall == 0.5
    assert found["a"].precision == 1.0
    assert metrics.accuracy(matrix) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("classes", "floor"), [(2, 0.7), (3, 2 / 3), (10, 0.2), (1000, 0.002)])
def test_the_automatic_floor_is_twice_guessing(classes, floor):
    assert config.EvaluateConfig().accuracy_floor(classes) == pytest.approx(floor)
    assert config.EvaluateConfig(min_accuracy=0.9).accuracy_floor(classes) == 0.9
