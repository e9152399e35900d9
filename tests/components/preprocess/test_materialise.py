import numpy as np
import pytest
import tensorflow as tf

from components.preprocess import materialise
from data import errors
from data.examples import example, records
from data.graph import decoding
from tests.components.image_example_gen import made

pytestmark = pytest.mark.xdist_group("ingest")


@pytest.mark.parametrize(
    "mode", ["stretch", "letterbox", pytest.param("center_crop", marks=pytest.mark.landing)]
)
def test_pixels_equal_what_the_served_graph_sees(class_folders, tmp_path, mode):
    made.run(class_folders, tmp_path / "out")
    (shard,) = materialise.shards(str(tmp_path / "out"), str(tmp_path / "pixels"), ["train"])
    spec = materialise.Spec(16, mode, ["a", "b"], {})
    count = materialise.write(shard, spec)
    images = made.stored(tmp_path / "out")["train"]
    assert count == len(images)
    written = tf.data.TFRecordDataset(shard.pixels).batch(count)
    pixels, label_ids = example.parse_pixels(next(iter(written)), 16, spec.annotation)
    encoded = tf.constant([image[example.ENCODED] for image in images])
    served, refused = tf.function(decoding.batch_pixels)(encoded, 16, mode)
    np.testing.assert_array_equal(pixels, served)
    assert not any(refused.numpy())
    assert label_ids.numpy().tolist() == [image[example.CLASS_LABEL] for image in images]


def test_a_record_that_does_not_decode_is_not_lost_in_silence(class_folders, tmp_path):
    made.run(class_folders, tmp_path / "out")
    (shard,) = materialise.shards(str(tmp_path / "out"), str(tmp_path / "pixels"), ["train"])
    rows = list(tf.data.TFRecordDataset(shard.images).as_numpy_iterator())
    broken = tf.train.Example.FromString(rows[0])
    broken.features.feature[example.ENCODED].bytes_list.value[0] = b"not an image"
    records.write(shard.images, [broken.SerializeToString(), *rows[1:]])
    with pytest.raises(
        errors.PipelineError, match=rf"1 of {len(rows)} records of .* do not decode"
    ):
        materialise.write(shard, materialise.Spec(16, "stretch", ["a", "b"], {}))


def test_a_shard_with_more_records_than_its_list_is_refused(class_folders, tmp_path):
    made.run(class_folders, tmp_path / "out")
    (shard,) = materialise.shards(str(tmp_path / "out"), str(tmp_path / "pixels"), ["test"])
    rows = list(tf.data.TFRecordDataset(shard.images).as_numpy_iterator())
    records.write(shard.images, [*rows, rows[0]])
    with pytest.raises(errors.PipelineError, match=rf"{len(rows) + 1} records where {len(rows)} "):
        materialise.write(shard, materialise.Spec(16, "stretch", ["a", "b"], {}))


def test_spec_round_trip(tmp_path):
    spec = materialise.Spec(16, "letterbox", ["a", "b"], {"train": 3, "eval": 1, "test": 1})
    (tmp_path / materialise.SPEC_FILE).write_text(spec.to_json())
    assert materialise.Spec.read(str(tmp_path)) == spec
