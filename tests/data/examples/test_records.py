import pytest
import tensorflow as tf

from data import errors
from data.examples import examples_artifact, records


def test_names_and_counts():
    assert records.shard_name(2, 10) == "examples-00002-of-00010"
    assert records.shard_count(0, 100) == 1
    assert records.shard_count(950, 100) == 10


def test_a_shard_is_raw_and_overwritten_by_a_retry(tmp_path):
    path = examples_artifact.shard_path(str(tmp_path), "train", 0, 1)
    records.write(path, [b"old"] * 5)
    assert records.write(path, [b"a", b"b"]) == 2
    assert list(tf.data.TFRecordDataset(path).as_numpy_iterator()) == [b"a", b"b"]
    assert examples_artifact.shards(str(tmp_path), "train") == [path]


def test_a_failed_write_leaves_nothing_to_read(tmp_path):
    def broken():
        yield b"a"
        raise RuntimeError("disk is gone")

    path = examples_artifact.shard_path(str(tmp_path), "train", 0, 1)
    with pytest.raises(RuntimeError, match="disk is gone"):
        records.write(path, broken())
    assert examples_artifact.shards(str(tmp_path), "train") == []
    assert not [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_shard_that_was_not_written_is_noticed(tmp_path):
    (tmp_path / "one").touch()
    records.check_written([str(tmp_path / "one")])
    with pytest.raises(
        errors.PipelineError, match=r"1 of 2 shards were not written, such as .*two"
    ):
        records.check_written([str(tmp_path / name) for name in ("one", "two")])
