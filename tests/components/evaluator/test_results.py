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
    """A served model whose probabilities are the encoded image's bytes, of so many classes."""

    def __init__(self, class_count: int = 3) -> None:
        super().__init__()
        self.class_count = class_count

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve_examples(self, examples):
        spec = {example.ENCODED: tf.io.FixedLenFeature([], tf.string)}
        encoded = tf.io.parse_example(examples, spec)[example.ENCODED]
        scores = tf.io.decode_raw(encoded, tf.uint8)[:, : self.class_count]
        return {"probabilities": tf.cast(scores, tf.float32) / 100.0}


def record(label: int, row: np.ndarray) -> bytes:
    values = {example.ENCODED: bytes(row), example.CLASS_TEXT: LABELS[label].encode()}
    features = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        for name, value in values.items()
    }
    features[example.CLASS_LABEL] = tf.train.Feature(int64_list=tf.train.Int64List(value=[label]))
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def evaluate(root, true, scores, settings, baseline: tf.Module | None = None) -> results.Result:
    path = str(root / "Split-test" / records.shard_name(0, 1))
    records.write(path, [record(label, row) for label, row in zip(true, scores, strict=True)])
    built = tfma.utils.update_eval_config_with_defaults(
        eval_config.build(settings, LABELS), has_baseline=baseline is not None, rubber_stamp=True
    )
    models = []
    for spec in built.model_specs:
        module = baseline if spec.is_baseline else Predictor()
        place = str(root / ("baseline" if spec.is_baseline else "candidate"))
        tf.saved_model.save(module, place, signatures={"serve_examples": module.serve_examples})
        models.append(
            tfma.default_eval_shared_model(
                eval_saved_model_path=place, model_name=spec.name, eval_config=built
            )
        )
    source = tfxio.TFExampleRecord(path, raw_record_column_name=tfma.ARROW_INPUT_COLUMN)
    with beam.Pipeline(argv=["--runner=FnApiRunner"]) as pipeline:
        _ = (
            pipeline
            | source.BeamSource()
            | tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=models if baseline is not None else models[0],
                eval_config=built,
                output_path=str(root / "out"),
            )
        )
    return results.read(str(root / "out"), LABELS)


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


@pytest.mark.parametrize("class_count", [3, 2], ids=["same classes", "a class fewer"])
def test_the_baseline_is_held_against_but_never_counted(tmp_path, class_count):
    """The same predictions with the first two classes swapped are the worse baseline."""

    class Swapped(Predictor):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve_examples(self, examples):
            outputs = super().serve_examples(examples)
            order = [1, 0, 2][: self.class_count]
            return {"probabilities": tf.gather(outputs["probabilities"], order, axis=1)}

    true = [0, 1, 2, 0, 1]
    scores = np.eye(3, dtype=np.uint8)[[0, 1, 2, 1, 1]] * 90 + 1
    result = evaluate(tmp_path, true, scores, config.EvaluateConfig(), Swapped(class_count))
    assert result.blessed, result.reasons
    assert result.accuracy == pytest.approx(0.8)
    assert [row.support for row in result.per_class.values()] == [2, 2, 1]
    assert result.per_class["dog"].precision == pytest.approx(2 / 3)


def test_a_drop_against_the_baseline_is_a_reason(tmp_path):
    class Right(Predictor):
        """Knows that the first score, in these records, is the right class."""

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def serve_examples(self, examples):
            outputs = super().serve_examples(examples)
            return {
                "probabilities": tf.one_hot(
                    tf.zeros_like(outputs["probabilities"][:, 0], tf.int32), 3
                )
            }

    scores = np.eye(3, dtype=np.uint8)[[0, 0, 0, 1]] * 90 + 1
    settings = config.EvaluateConfig(min_accuracy=0.5, max_accuracy_drop=0.1)
    result = evaluate(tmp_path, [0, 0, 0, 0], scores, settings, Right())
    assert not result.blessed
    assert result.reasons == [
        "The accuracy changed by -25.0 points against the last blessed model;"
        " at most -10.0 is allowed."
    ]
