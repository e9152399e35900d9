"""One pass over the records gives the model's direct answers, in files of a known order."""

import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorflow as tf

from components.predict import exported_model
from data import errors
from data.examples import example, examples_artifact
from tasks.classification.answers import ANSWERS
from tasks.predictions import probable, schema
from tests.components.predict.conftest import BROKEN, ODD, answer, jpeg, record, write
from tests.models import TINY_LABELS

COLUMNS = schema.fields(ANSWERS.annotation, ANSWERS.answer)
pytestmark = pytest.mark.usefixtures("graphs_as_they_are")


@pytest.fixture(scope="module")
def served(right):
    return tf.saved_model.load(str(right.saved_model)).signatures


def test_the_answers_are_those_of_the_signature(answered, files, served):
    """Runs the records through serve_examples."""
    for path, shard in zip(files, schema.files(str(answered), "test"), strict=True):
        serialized = list(tf.data.TFRecordDataset(path).as_numpy_iterator())
        said = served["serve_examples"](examples=tf.constant(serialized))
        table = schema.read_columns([shard], list(COLUMNS), COLUMNS)
        found = probable.matrix(table["probabilities"], len(TINY_LABELS))
        np.testing.assert_allclose(found, said["probabilities"], atol=1e-6)
        assert table["valid"].to_pylist() == said["valid"].numpy().tolist()
        np.testing.assert_allclose(
            table["outlier_score"].to_numpy(), said["outlier_score"], atol=1e-6
        )
        valid = said["valid"].numpy()
        np.testing.assert_allclose(
            schema.embeddings(table["embedding"]), said["embedding"].numpy()[valid], rtol=1e-3
        )
        encoded = example.parse(tf.constant(serialized), [example.ENCODED])[example.ENCODED].numpy()
        assert table["stored_sha256"].to_pylist() == [
            hashlib.sha256(content).hexdigest() for content in encoded
        ]


def test_the_embedding_is_of_the_same_pass_as_the_signature_embed(served):
    content = jpeg(1)
    by_record = served["serve_examples"](examples=tf.constant([exported_model.record(content)]))
    by_bytes = served["embed"](image_bytes=tf.constant([content]))
    np.testing.assert_allclose(by_record["embedding"], by_bytes["embedding"], atol=1e-5)


def test_a_name_that_is_no_text_and_a_bad_image_survive(answered):
    table = schema.read_columns(schema.files(str(answered), "test"), list(COLUMNS), COLUMNS)
    rows = {os.fsdecode(row["path"]): row for row in table.to_pylist()}
    assert rows[ODD]["path"] == b"m\xe9tal/\xff.jpg"
    assert rows[ODD]["span"] is None
    assert rows[BROKEN]["valid"] is False
    assert rows[BROKEN]["invalid_reason"] == "not_an_image"
    assert rows[ODD]["invalid_reason"] is None
    assert rows[BROKEN]["probabilities"] == [0, 0, 0]
    assert rows[BROKEN]["embedding"] is None
    assert rows["glass/new.jpg"]["span"] == 3
    assert rows["glass/new.jpg"]["label"] == b"glass"


def test_names_order_and_bytes_depend_on_the_images_alone(files, model, answered, tmp_path):
    again = answer(files, tmp_path, model)
    before = schema.files(str(answered), "test")
    assert [os.path.basename(path) for path in again] == [
        "predictions-00000-of-00002.parquet",
        "predictions-00001-of-00002.parquet",
    ]
    for one, other in zip(again, before, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()


def test_evaluation_records_have_every_feature_but_the_image(answered, lines):
    paths = examples_artifact.shards(str(answered / "evaluated"), "test")
    found = [
        tf.train.Example.FromString(line).features.feature
        for line in tf.data.TFRecordDataset(paths).as_numpy_iterator()
    ]
    expected = set(example.FEATURES) - {example.ENCODED} | {"probabilities"}
    assert len(found) == len(lines)
    assert all(set(row) == expected for row in found)
    table = schema.read_columns(schema.files(str(answered), "test"), ["probabilities"], COLUMNS)
    held = [list(row["probabilities"].float_list.value) for row in found]
    assert held == table["probabilities"].to_pylist()


def test_batches_hold_no_more_rows_than_asked_for(answered):
    paths = schema.files(str(answered), "test")
    batches = list(schema.read_batches(paths, ["path"], rows=2))
    assert [batch.num_rows for batch in batches] == [2, 2, 2, 1]
    assert batches[0].schema.names == ["path"]


def test_a_shard_without_images_is_written_and_read(model, tmp_path):
    files = write(tmp_path / "in", "test", [record("paper/0.jpg", 2, jpeg(0))], count=2)
    paths = answer(files, tmp_path / "out", model)
    assert [pq.ParquetFile(path).metadata.num_rows for path in paths] == [1, 0]
    assert schema.count(str(tmp_path / "out"), "test") == 1
    assert schema.read_columns(paths, ["path"]).num_rows == 1


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no parquet at all"])
def test_a_torn_shard_is_told_with_the_way_out(answered, tmp_path, content):
    shutil.copytree(answered, tmp_path / "torn")
    path = Path(schema.files(str(tmp_path / "torn"), "test")[0])
    path.write_bytes(content or path.read_bytes()[:-40])
    with pytest.raises(
        errors.PipelineError, match=r"00000-of-00002.parquet cannot be used: .*--force"
    ):
        schema.read_columns([str(path)], ["path"])
    with pytest.raises(errors.PipelineError, match="--force Predict"):
        schema.count(str(tmp_path / "torn"), "test")


def test_answers_of_two_models_are_never_read_as_one(answered, tmp_path):
    shutil.copytree(answered, tmp_path / "mixed")
    paths = schema.files(str(tmp_path / "mixed"), "test")
    about = schema.make(TINY_LABELS, "0" * 64, {}).metadata
    pq.write_table(pq.read_table(paths[0]).replace_schema_metadata(about), paths[0])
    with pytest.raises(errors.PipelineError, match="answers of several models"):
        schema.read_columns(paths, ["path"])


def test_a_folder_without_a_model_is_told(tmp_path):
    with pytest.raises(errors.PipelineError, match=r"contract.json cannot be used"):
        exported_model.Model(tmp_path)


def test_the_digest_is_of_what_answers(right, tmp_path):
    copied = tmp_path / "copied"
    shutil.copytree(right.saved_model, copied)
    (copied / "assets.extra").mkdir(exist_ok=True)
    (copied / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"x")
    assert exported_model.digest(copied) == exported_model.digest(right.saved_model)
    (copied / "variables" / "variables.index").write_bytes(b"x")
    assert exported_model.digest(copied) != exported_model.digest(right.saved_model)
