import shutil

import pytest
import tensorflow as tf

from serving import errors, served_version
from serving.versions import signatures

pytestmark = pytest.mark.usefixtures("graphs_as_they_are")

TYPES = {
    "TYPE_FP32": tf.float32,
    "TYPE_STRING": tf.string,
    "TYPE_BOOL": tf.bool,
}


def test_they_are_what_tensorflow_reads(exported):
    read = signatures.read(exported[1])
    loaded = tf.saved_model.load(str(exported[1])).signatures
    assert set(read) == set(loaded)
    for name, signature in loaded.items():
        pairs = [
            (read[name].inputs, signature.structured_input_signature[1]),
            (read[name].outputs, signature.structured_outputs),
        ]
        for ours, theirs in pairs:
            assert set(ours) == set(theirs)
            for tensor, spec in theirs.items():
                assert TYPES[ours[tensor].data_type] == spec.dtype
                assert ours[tensor].item_rank == spec.shape.rank - 1


def test_offered_are_those_with_the_same_inputs(exported):
    assert set(signatures.offered(exported[1])) >= {"serving_default", "embed"}
    assert "serve_examples" not in signatures.offered(exported[1])


@pytest.mark.parametrize("kept_bytes", [0, 1, 3000])
def test_a_cut_off_file_is_no_model(exported, tmp_path, kept_bytes):
    shutil.copytree(exported[1], tmp_path / "1")
    path = tmp_path / "1" / "saved_model.pb"
    path.write_bytes(path.read_bytes()[:kept_bytes])
    with pytest.raises(errors.UserError, match=r"saved_model\.pb is not a SavedModel, or damaged"):
        signatures.read(tmp_path / "1")


@pytest.mark.parametrize(
    "content",
    [
        b"\x12\x04\x2a\x02\x0a\x00",  # a name without a signature
        b"\x12\x0b\x2a\x09\x08\xff\xff\xff\xff\xff\x0f\x12\x00",  # a number as name: as bytes, 1 TiB
        b"\x12\x01\x2a",  # nothing behind the field's number
        b"\x10\x01",  # a number for a graph
        b"\xff" * 10_000_000,  # a number without an end: decoding all of it takes minutes
    ],
    ids=["half an entry", "a number as name", "cut off", "a number as graph", "endless"],
)
def test_damage_of_every_kind_is_told(tmp_path, content):
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(errors.UserError, match=r"saved_model\.pb is not a SavedModel, or damaged"):
        signatures.read(tmp_path)
    assert not served_version.is_whole(tmp_path)


def test_a_missing_file(tmp_path):
    with pytest.raises(errors.UserError, match="cannot be read: No such file or directory"):
        signatures.read(tmp_path)


def test_a_model_without_the_default_signature(tmp_path):
    class Other(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def __call__(self, values):
            return {"same": values}

    module = Other()
    tf.saved_model.save(module, str(tmp_path), signatures={"other": module.__call__})
    with pytest.raises(errors.UserError, match="has the signatures other; serving_default is miss"):
        signatures.offered(tmp_path)
    assert not served_version.is_whole(tmp_path)
