"""Real TFMA, on images with several labels or none, whose answers are given."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics as sklearn_metrics

from data.examples import example
from tasks.multilabel.figures import result
from tests.components.evaluator.evaluated import evaluate, made
from tests.tasks.multilabel.answered import LABELS, Sample


def line(sample: Sample, place: int, **known) -> bytes:
    label_ids = tf.train.Int64List(value=np.flatnonzero(sample.truths[place]))
    annotation = {example.CLASS_LABEL: tf.train.Feature(int64_list=label_ids)}
    answer = {
        "targets": sample.truths[place].astype(float),
        "answers": [*sample.scores[place], *sample.given[place].astype(float)],
    }
    return made(annotation, answer, **known)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return Sample()


@pytest.fixture(scope="module")
def found(sample, tmp_path_factory) -> result.Result:
    lines = [
        line(sample, place, format=b"PNG" if place % 3 == 0 else b"JPEG", height=50 + place)
        for place in range(len(sample.truths))
    ]
    return evaluate(tmp_path_factory.mktemp("tfma"), lines, LABELS, "multilabel")


def test_the_whole_equals_scikit_learn(found, sample):
    assert found.example_count == 300
    truths, given, scores = (rows[:, :3] for rows in (sample.truths, sample.given, sample.scores))
    assert found.value("subset_accuracy") == pytest.approx(
        sklearn_metrics.accuracy_score(sample.truths, sample.given)
    )
    assert found.value("hamming_loss") == pytest.approx(
        sklearn_metrics.hamming_loss(sample.truths, sample.given)
    )
    assert found.value("map") == pytest.approx(
        sklearn_metrics.average_precision_score(truths, scores, average="macro")
    )
    assert found.averages.micro.f1 == pytest.approx(found.value("micro_f1"))
    assert found.averages.macro.f1 == pytest.approx(found.value("macro_f1"))
    assert found.averages.weighted.f1 == pytest.approx(
        sklearn_metrics.f1_score(truths, given, average="weighted")
    )
    low, high = found.figures["subset_accuracy"].interval
    assert low < found.value("subset_accuracy") < high


def test_each_label_has_its_figures_with_intervals(found, sample):
    recalls = sklearn_metrics.recall_score(sample.truths[:, :3], sample.given[:, :3], average=None)
    for place, name in enumerate(LABELS[:3]):
        row = found.per_class[name]
        assert row.support == sample.truths[:, place].sum()
        assert row.value("recall") == pytest.approx(recalls[place])
        for one in ("precision", "recall", "f1", "ap"):
            low, high = row.figures[one].interval
            assert 0 <= low < row.value(one) < high <= 1, one
    absent = found.per_class[LABELS[3]]
    assert (absent.support, absent.value("recall"), absent.value("ap")) == (0, None, None)
    assert found.without_images == [LABELS[3]]


def test_slices_are_by_label_size_and_feature(found, sample):
    slices = {(row.feature, row.value): row for row in found.slices}
    png = slices["image/format", "PNG"]
    assert png.count == 100
    assert png.figures["subset_accuracy"].value == pytest.approx(
        (sample.truths == sample.given)[::3].all(1).mean()
    )
    for place, name in enumerate(LABELS[:3]):
        own = sample.truths[:, place]
        row = slices["image/class/text", name]
        assert row.count == own.sum()
        assert row.figures["subset_accuracy"].value == pytest.approx(
            (sample.truths == sample.given)[own].all(1).mean()
        )
    assert ("image/class/text", LABELS[3]) not in slices
    assert slices["image/size", "64–127 px"].count


def test_a_result_is_read_again(found):
    assert result.Result.from_json(found.to_json()) == found
