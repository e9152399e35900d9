"""Real TFMA, on predictions that are given, so that the right answer is known."""

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from sklearn import metrics as sklearn_metrics
from tfx_bsl.public import tfxio

from components.evaluator import config, eval_config, results
from data import example, records

LABELS = ["cat", "dog", "never predicted"]


class Predictor(tf.Module):
    """A served model whose probabilities are the encoded image's bytes."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples):
        spec = {example.ENCODED: tf.io.FixedLenFeature([], tf.string)}
        encoded = tf.io.parse_example(examples, spec)[example.ENCODED]
        scores = tf.io.decode_raw(encoded, tf.uint8)
        return {"probabilities": tf.cast(scores, tf.float32) / 100.0}


def evaluate(tmp_path, true, scores, settings) -> results.Result:
    def record(label, row):
        features = {
            example.ENCODED: tf.train.Feature(bytes_list=tf.train.BytesList(value=[bytes(row)])),
            example.CLASS_LABEL: tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
            example.CLASS_TEXT: tf.train.Feature(
                bytes_list=tf.train.BytesList(value=[LABELS[label].encode()])
            ),
        }
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    rows = [record(label, row) for label, row in zip(true, scores, strict=True)]
    path = str(tmp_path / "Split-test" / records.shard_name(0, 1))
    records.write(path, rows)
    module = Predictor()
    tf.saved_model.save(
        module, str(tmp_path / "model"), signatures={"serve_examples": module.serve_examples}
    )
    built = tfma.utils.update_eval_config_with_defaults(
        eval_config.build(settings, LABELS), has_baseline=False, rubber_stamp=True
    )
    shared = tfma.default_eval_shared_model(
        eval_saved_model_path=str(tmp_path / "model"), eval_config=built
    )
    source = tfxio.TFExampleRecord(path, raw_record_column_name=tfma.ARROW_INPUT_COLUMN)
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        _ = (
            pipeline
            | source.BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=shared, eval_config=built, output_path=str(tmp_path / "out")
            )
        )
    return results.read(str(tmp_path / "out"), LABELS)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    generator = np.random.default_rng(0)
    true = generator.integers(0, 3, 80)
    scores = generator.integers(1, 100, (80, 3)).astype(np.uint8)
    scores[:, 2] = 0  # the third class is never predicted
    scores[0] = 0  # a bad image: nothing is predicted
    settings = config.EvaluateConfig(min_accuracy=0.9, min_precision=0.2, min_recall=0.05)
    root = tmp_path_factory.mktemp("tfma")
    return true, scores, evaluate(root, true, scores, settings)


def test_equals_scikit_learn(found):
    true, scores, result = found
    predicted = scores.argmax(axis=1)
    predicted[0] = 3
    precision, recall, f1, support = sklearn_metrics.precision_recall_fscore_support(
        true, predicted, labels=range(3), zero_division=np.nan
    )
    assert result.accuracy == pytest.approx(sklearn_metrics.accuracy_score(true, predicted))
    for index, name in enumerate(LABELS[:2]):
        row = result.per_class[name]
        expected = (precision[index], recall[index], f1[index])
        assert (row.precision, row.recall, row.f1) == pytest.approx(expected)
    assert [row.support for row in result.per_class.values()] == support.tolist()
    assert result.per_class["never predicted"].precision is None


def test_the_reasons_name_each_broken_threshold(found):
    _, _, result = found
    assert not result.blessed
    text = "\n".join(result.reasons)
    assert f"The accuracy is {result.accuracy:.1%}; at least 90.0% is needed." in text
    assert "The precision of 'never predicted' is undefined; at least 20.0% is needed." in text
    assert "The recall of 'never predicted' is 0.0%; at least 5.0% is needed." in text
    assert len(result.reasons) == 3


def test_blessed_without_reasons(tmp_path):
    scores = np.eye(3, dtype=np.uint8)[[0, 1, 2, 0]] * 100
    result = evaluate(tmp_path, [0, 1, 2, 0], scores, config.EvaluateConfig(min_recall=1.0))
    assert result.blessed
    assert result.reasons == []
    assert result.accuracy == 1.0
