"""Evaluates given answers by real TFMA as stock Evaluator's executor does."""

import importlib

import apache_beam as beam
import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tfx_bsl.public import tfxio

from components.evaluator import eval_config, results
from components.predict import shards
from data.examples import example, examples_artifact, records
from tasks import evaluate_config as config
from tasks.classification.figures import result

TASK = "classification"
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
    """Makes a record as the step Predict writes it."""
    return made(
        {example.CLASS_LABEL: feature(label_id)}, {"probabilities": row.astype(np.float32)}, **known
    )


def made(annotation: dict, answer: dict, **known) -> bytes:
    """Makes a record of an annotation and an answer."""
    values = {
        example.ENCODED: b"an image",
        example.HEIGHT: known.get("height", 100),
        example.WIDTH: known.get("width", 100),
        example.SPAN: known.get("span", example.NO_SPAN),
        example.FORMAT: known.get("format", b"JPEG"),
        example.BRIGHTNESS: known.get("brightness", 0.5),
    }
    features = annotation | {name: feature(value) for name, value in values.items()}
    record = tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()
    return shards.evaluation_record(record, answer)


def evaluate(
    root, lines: list[bytes], labels: list[str] = LABELS, task_name: str = TASK
) -> result.Result:
    """Evaluates records as stock Evaluator's executor does."""
    path = examples_artifact.shard_path(str(root), "test", 0, 1)
    records.write(path, lines)
    built = eval_config.build(task_name, SETTINGS, labels)
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
    return results.read(str(root / "out"), task_name, labels, SETTINGS)
