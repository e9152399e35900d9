"""Real TFMA, on predictions that are given, so that the right answer is known."""

import math

import numpy as np
import pytest
from sklearn import metrics as sklearn_metrics

from tasks.classification.figures import result
from tests.components.evaluator.evaluated import (
    ABSENT,
    CATS,
    DOGS,
    LABELS,
    NEVER,
    evaluate,
    record,
)


class Sample:
    """150 images: three are not valid, one class is never predicted, one has no examples."""

    def __init__(self) -> None:
        generator = np.random.default_rng(0)
        self.true = generator.integers(0, 3, 150)
        # Most scores of a confident model lie next to 0 and 1.
        logits = 6 * (generator.normal(0, 1, (150, 4)) + 1.5 * np.eye(4)[self.true])
        logits[:, 2] -= 60
        scores = np.exp(logits - logits.max(1, keepdims=True))
        self.scores = (scores / scores.sum(1, keepdims=True)).astype(np.float32)
        self.scores[:3] = 0
        self.predicted = np.where(self.scores.any(1), self.scores.argmax(1), 4)
        self.height, self.width = generator.integers(30, 300, (2, 150))
        self.span = generator.integers(-1, 3, 150)
        self.png = generator.random(150) < 0.3
        self.brightness = generator.random(150)

    def lines(self) -> list[bytes]:
        return [
            record(
                self.true[i],
                self.scores[i],
                height=self.height[i],
                width=self.width[i],
                span=self.span[i],
                format=b"PNG" if self.png[i] else b"JPEG",
                brightness=float(self.brightness[i]),
            )
            for i in range(150)
        ]


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample()


@pytest.fixture(scope="module")
def found(sample, tmp_path_factory) -> result.Result:
    return evaluate(tmp_path_factory.mktemp("tfma"), sample.lines())


def test_the_whole_equals_scikit_learn(found, sample):
    assert found.example_count == 150
    assert found.value("accuracy") == pytest.approx((sample.predicted == sample.true).mean())
    matrix = sklearn_metrics.confusion_matrix(sample.true, sample.predicted, labels=range(5))
    assert found.confusion == matrix[:4].tolist()
    assert found.confusion[0][4] + found.confusion[1][4] + found.confusion[2][4] == 3
    valid = slice(3, None)
    of_valid = sklearn_metrics.top_k_accuracy_score(
        sample.true[valid], sample.scores[valid], k=2, labels=range(4)
    )
    assert (found.top_k, found.value("top_k_accuracy")) == (2, pytest.approx(of_valid * 147 / 150))
    assert found.value("accuracy") < found.value("top_k_accuracy")
    low, high = found.figures["accuracy"].interval
    assert low < found.value("accuracy") < high


def test_an_invalid_image_costs_a_guess(found, sample):
    clipped = sample.scores[3:].astype(float).clip(1e-7, 1 - 1e-7)
    of_valid = sklearn_metrics.log_loss(
        sample.true[3:], clipped / clipped.sum(1, keepdims=True), labels=range(4)
    )
    expected = (147 * of_valid + 3 * math.log(4)) / 150
    assert found.value("log_loss") == pytest.approx(expected, rel=1e-4)


def test_every_class_equals_scikit_learn(found, sample):
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        sample.true, sample.predicted, labels=range(4), zero_division=np.nan
    )
    for index, name in enumerate(LABELS[:2]):
        row = found.per_class[name]
        expected = (precision[index], recall[index], f1[index])
        assert (row.value("precision"), row.value("recall"), row.value("f1")) == pytest.approx(
            expected
        )
        assert row.figures["f1"].interval.low < row.value("f1") < row.figures["f1"].interval.high
        assert (
            row.figures["precision"].interval.low
            < row.value("precision")
            < row.figures["precision"].interval.high
        )
    assert [row.support for row in found.per_class.values()] == support.tolist()


def test_every_area_equals_scikit_learn(found, sample):
    for index, name in enumerate(LABELS[:3]):
        of_class = sample.true == index, sample.scores[:, index]
        row = found.per_class[name]
        assert row.value("auc") == pytest.approx(sklearn_metrics.roc_auc_score(*of_class), abs=1e-6)
        expected = sklearn_metrics.average_precision_score(*of_class)
        assert row.value("pr_auc") == pytest.approx(expected, abs=1e-6)


def test_what_is_undefined_is_none(found):
    never, absent = found.per_class[NEVER], found.per_class[ABSENT]
    assert (never.value("precision"), never.figures["precision"].interval) == (None, None)
    assert (never.value("recall"), never.value("f1")) == (0.0, 0.0)
    assert never.figures["recall"].interval.low == 0 < never.figures["recall"].interval.high
    assert absent.support == 0
    assert {
        absent.value("recall"),
        absent.value("f1"),
        absent.value("auc"),
        absent.value("pr_auc"),
    } == {None}
    assert {absent.figures["recall"].interval, absent.figures["f1"].interval} == {None}
    assert found.averages.left_out == {"precision": [NEVER], "recall": [ABSENT], "f1": [ABSENT]}


def test_slices_equal_what_is_counted(found, sample):
    shorter = np.minimum(sample.height, sample.width)
    bright = np.digitize(sample.brightness, [0.2, 0.4, 0.6, 0.8])
    expected = [
        *(("image/class/text", LABELS[index], sample.true == index) for index in range(3)),
        ("image/size", "under 64 px", shorter < 64),
        ("image/size", "64–127 px", (shorter >= 64) & (shorter < 128)),
        ("image/size", "128 px or more", shorter >= 128),
        *(("image/span", str(span), sample.span == span) for span in range(3)),
        ("image/format", "JPEG", ~sample.png),
        ("image/format", "PNG", sample.png),
        ("image/quality/brightness", "under 0.2", bright == 0),
        ("image/quality/brightness", "0.2–0.4", bright == 1),
        ("image/quality/brightness", "0.4–0.6", bright == 2),
        ("image/quality/brightness", "0.6–0.8", bright == 3),
        ("image/quality/brightness", "0.8 or more", bright == 4),
    ]
    assert [(row.feature, row.value) for row in found.slices] == [row[:2] for row in expected]
    right = sample.predicted == sample.true
    for row, (feature, _, inside) in zip(found.slices, expected, strict=True):
        assert row.count == inside.sum()
        assert row.figures["accuracy"].value == pytest.approx(right[inside].mean())
        assert (
            row.figures["accuracy"].interval.low
            <= row.figures["accuracy"].value
            <= row.figures["accuracy"].interval.high
        )
        assert (row.figures["auc"].value is None) == (feature == "image/class/text")
    areas = [
        sklearn_metrics.roc_auc_score(sample.true[sample.png] == k, sample.scores[sample.png, k])
        for k in range(3)
    ]
    assert found.slices[10].figures["auc"].value == pytest.approx(np.mean(areas))


def test_json_gives_it_back(found):
    assert result.Result.from_json(found.to_json()) == found
    assert "NaN" not in found.to_json()


def test_one_class_only(tmp_path):
    rows = np.array([[0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
    found = evaluate(tmp_path, [record(0, row) for row in rows], LABELS[:2])
    assert found.value("accuracy") == pytest.approx(2 / 3)
    assert found.value("top_k_accuracy") == 1
    cat, dog = found.per_class.values()
    assert (cat.value("auc"), cat.value("pr_auc"), dog.value("auc"), dog.value("recall")) == (
        None,
        None,
        None,
        None,
    )
    assert cat.figures["recall"].interval.low < found.value("accuracy")
    assert {row.feature for row in found.slices} == {
        "image/class/text",
        "image/size",
        "image/format",
        "image/quality/brightness",
    }


def test_no_image_at_all(tmp_path):
    found = evaluate(tmp_path, [])
    assert (
        found.example_count,
        found.value("accuracy"),
        found.value("log_loss"),
        found.slices,
    ) == (
        0,
        None,
        None,
        [],
    )
    assert found.value("top_k_accuracy") is None
    assert all(
        row.value("f1") is None and row.value("auc") is None for row in found.per_class.values()
    )
    assert result.Result.from_json(found.to_json()) == found


def test_only_invalid_images(tmp_path):
    found = evaluate(tmp_path, [record(label_id, np.zeros(4)) for label_id in (0, 1, 1)])
    assert (found.value("accuracy"), found.value("top_k_accuracy")) == (0, 0)
    assert found.value("log_loss") == pytest.approx(math.log(4))
    assert found.per_class[DOGS].value("auc") == 0.5
    assert found.per_class[CATS].value("precision") is None
