"""Real TFMA, on predictions that are given, so that the right answer is known."""

import importlib
import math

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn import metrics as sklearn_metrics
from tfx_bsl.public import tfxio

from components.evaluator import config, eval_config, result, results
from components.predict import shards
from data import example, records

LABELS = ["cat", "dog", "never predicted", "no examples"]
CATS, DOGS, NEVER, ABSENT = LABELS
SETTINGS = config.EvaluateConfig(
    top_k=2, size_bounds_px=[64, 128], slices=["image/format", "image/quality/brightness"]
)


def feature(value) -> tf.train.Feature:
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    if isinstance(value, float):
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))


def record(label_id: int, row: np.ndarray, **known) -> bytes:
    """As the step Predict leaves it."""
    values = {
        example.ENCODED: b"an image",
        example.CLASS_LABEL: label_id,
        example.HEIGHT: known.get("height", 100),
        example.WIDTH: known.get("width", 100),
        example.SPAN: known.get("span", example.NO_SPAN),
        example.FORMAT: known.get("format", b"JPEG"),
        example.BRIGHTNESS: known.get("brightness", 0.5),
    }
    features = {name: feature(value) for name, value in values.items()}
    made = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return shards.evaluation_record(made, row.astype(np.float32))


def evaluate(root, lines: list[bytes], labels: list[str] = LABELS) -> result.Result:
    """As stock Evaluator's executor does it."""
    path = str(root / "Split-test" / records.shard_name(0, 1))
    records.write(path, lines)
    built = eval_config.build(SETTINGS, labels)
    extractors = importlib.import_module(eval_config.EXTRACTORS).custom_extractors(
        eval_shared_model=[], eval_config=built, tensor_adapter_config=None
    )
    source = tfxio.TFExampleRecord(path, raw_record_column_name=tfma.ARROW_INPUT_COLUMN)
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        _ = (
            pipeline
            | source.BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=[],
                eval_config=built,
                extractors=extractors,
                output_path=str(root / "out"),
            )
        )
    return results.read(str(root / "out"), labels, SETTINGS)


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
    assert found.accuracy == pytest.approx((sample.predicted == sample.true).mean())
    matrix = sklearn_metrics.confusion_matrix(sample.true, sample.predicted, labels=range(5))
    assert found.confusion == matrix[:4].tolist()
    assert found.confusion[0][4] + found.confusion[1][4] + found.confusion[2][4] == 3
    valid = slice(3, None)
    of_valid = sklearn_metrics.top_k_accuracy_score(
        sample.true[valid], sample.scores[valid], k=2, labels=range(4)
    )
    assert (found.top_k, found.top_k_accuracy) == (2, pytest.approx(of_valid * 147 / 150))
    assert found.accuracy < found.top_k_accuracy
    low, high = found.accuracy_interval
    assert low < found.accuracy < high


def test_an_invalid_image_costs_a_guess(found, sample):
    clipped = sample.scores[3:].astype(float).clip(1e-7, 1 - 1e-7)
    of_valid = sklearn_metrics.log_loss(
        sample.true[3:], clipped / clipped.sum(1, keepdims=True), labels=range(4)
    )
    expected = (147 * of_valid + 3 * math.log(4)) / 150
    assert found.log_loss == pytest.approx(expected, rel=1e-4)


def test_every_class_equals_scikit_learn(found, sample):
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        sample.true, sample.predicted, labels=range(4), zero_division=np.nan
    )
    for index, name in enumerate(LABELS[:2]):
        row = found.per_class[name]
        expected = (precision[index], recall[index], f1[index])
        assert (row.precision, row.recall, row.f1) == pytest.approx(expected)
        assert row.f1_interval.low < row.f1 < row.f1_interval.high
        assert row.precision_interval.low < row.precision < row.precision_interval.high
    assert [row.support for row in found.per_class.values()] == support.tolist()


def test_every_area_equals_scikit_learn(found, sample):
    for index, name in enumerate(LABELS[:3]):
        of_class = sample.true == index, sample.scores[:, index]
        row = found.per_class[name]
        assert row.auc == pytest.approx(sklearn_metrics.roc_auc_score(*of_class), abs=1e-6)
        expected = sklearn_metrics.average_precision_score(*of_class)
        assert row.pr_auc == pytest.approx(expected, abs=1e-6)


def test_what_is_undefined_is_none(found):
    never, absent = found.per_class[NEVER], found.per_class[ABSENT]
    assert (never.precision, never.precision_interval) == (None, None)
    assert (never.recall, never.f1) == (0.0, 0.0)
    assert never.recall_interval.low == 0 < never.recall_interval.high
    assert absent.support == 0
    assert {absent.recall, absent.f1, absent.auc, absent.pr_auc} == {None}
    assert {absent.recall_interval, absent.f1_interval} == {None}
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
        assert row.accuracy == pytest.approx(right[inside].mean())
        assert row.accuracy_interval.low <= row.accuracy <= row.accuracy_interval.high
        assert (row.auc is None) == (feature == "image/class/text")
    areas = [
        sklearn_metrics.roc_auc_score(sample.true[sample.png] == k, sample.scores[sample.png, k])
        for k in range(3)
    ]
    assert found.slices[10].auc == pytest.approx(np.mean(areas))


def test_json_gives_it_back(found):
    assert result.Result.from_json(found.to_json()) == found
    assert "NaN" not in found.to_json()


def test_one_class_only(tmp_path):
    rows = np.array([[0.8, 0.2], [0.3, 0.7], [0.9, 0.1]])
    found = evaluate(tmp_path, [record(0, row) for row in rows], LABELS[:2])
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.top_k_accuracy == 1
    cat, dog = found.per_class.values()
    assert (cat.auc, cat.pr_auc, dog.auc, dog.recall) == (None, None, None, None)
    assert cat.recall_interval.low < found.accuracy
    assert {row.feature for row in found.slices} == {
        "image/class/text",
        "image/size",
        "image/format",
        "image/quality/brightness",
    }


def test_no_image_at_all(tmp_path):
    found = evaluate(tmp_path, [])
    assert (found.example_count, found.accuracy, found.log_loss, found.slices) == (
        0,
        None,
        None,
        [],
    )
    assert found.top_k_accuracy is None
    assert all(row.f1 is None and row.auc is None for row in found.per_class.values())
    assert result.Result.from_json(found.to_json()) == found


def test_only_invalid_images(tmp_path):
    found = evaluate(tmp_path, [record(label_id, np.zeros(4)) for label_id in (0, 1, 1)])
    assert (found.accuracy, found.top_k_accuracy) == (0, 0)
    assert found.log_loss == pytest.approx(math.log(4))
    assert found.per_class[DOGS].auc == 0.5
    assert found.per_class[CATS].precision is None
