import numpy as np
import pytest
import tensorflow as tf

from data.examples import example
from data.images import decode, decode_config
from tasks.classification import target
from tests.data.pictures import noise, saved


@pytest.fixture
def decoded() -> decode.Decoded:
    result = decode.decode(saved(noise(20, 30), "JPEG"), decode_config.DecodeConfig())
    assert isinstance(result, decode.Decoded)
    return result


def test_image_record_round_trip(decoded):
    source = example.ImageSource("cat/a.jpg", ("cat",), (3,), "ab" * 32, span=7)
    parsed = example.parse(
        tf.constant([example.Encoder().encode(decoded.encoded, decoded.info, source)])
    )
    assert set(parsed) == set(example.FEATURES)
    values = {name: value.numpy()[0] for name, value in parsed.items()}
    assert values[example.ENCODED] == decoded.encoded
    assert values[example.CLASS_TEXT] == b"cat"
    assert values[example.CLASS_LABEL] == 3
    assert (values[example.HEIGHT], values[example.WIDTH], values[example.CHANNELS]) == (20, 30, 3)
    assert (values[example.SPAN], values[example.REENCODED]) == (7, 0)
    assert values[example.SOURCE_FORMAT] == b"JPEG"
    assert values[example.SHA256] == b"ab" * 32
    assert values[example.PHASH] == decoded.info.phash.encode()


def test_a_record_has_any_number_of_labels(decoded):
    encoder = example.Encoder()
    found = []
    for labels in ({"cat": 3, "dog": 7}, {}, {"cat": 3}):
        source = example.ImageSource("a.jpg", tuple(labels), tuple(labels.values()), "ab" * 32)
        features = tf.train.Example.FromString(
            encoder.encode(decoded.encoded, decoded.info, source)
        ).features.feature
        texts = features[example.CLASS_TEXT].bytes_list.value
        label_ids = features[example.CLASS_LABEL].int64_list.value
        found.append(dict(zip([text.decode() for text in texts], label_ids, strict=True)))
    assert found == [{"cat": 3, "dog": 7}, {}, {"cat": 3}]


def test_equal_images_give_equal_bytes(decoded):
    source = example.ImageSource("cat/a.jpg", ("cat",), (3,), "ab" * 32)
    assert example.Encoder().encode(
        decoded.encoded, decoded.info, source
    ) == example.Encoder().encode(decoded.encoded, decoded.info, source)


def test_a_name_of_any_bytes_keeps_them(decoded):
    source = example.ImageSource("cat/\udcff.jpg", ("cat",), (0,), "00" * 32)
    parsed = example.parse(
        tf.constant([example.Encoder().encode(decoded.encoded, decoded.info, source)]),
        [example.FILENAME],
    )
    assert parsed[example.FILENAME].numpy()[0] == b"cat/\xff.jpg"


def test_pixels_record_round_trip():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    annotation = target.TARGET.of(7)
    records = [
        example.encode_pixels(pixels[i], annotation.encode(np.int64(i + 5)), b"00")
        for i in range(2)
    ]
    parsed, label_ids = example.parse_pixels(tf.constant(records), 8, annotation)
    np.testing.assert_array_equal(parsed, pixels)
    assert label_ids.numpy().tolist() == [5, 6]


@pytest.mark.parametrize("labels_per_image", ["one", "any"])
def test_the_curated_schema_describes_features_of_the_contract(labels_per_image):
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from pipeline.wiring import dag

    schema = text_format.Parse(dag.SCHEMAS[labels_per_image].read_text(), schema_pb2.Schema())
    kinds = {
        schema_pb2.BYTES: tf.string,
        schema_pb2.INT: tf.int64,
        schema_pb2.FLOAT: tf.float32,
    }
    for feature in schema.feature:
        assert example.FEATURES[feature.name] == kinds[feature.type], feature.name
    described = {feature.name for feature in schema.feature}
    assert example.ENCODED not in described
    fixed = {feature.name for feature in schema.feature if feature.HasField("shape")}
    lists = example.LISTS if labels_per_image == "any" else frozenset()
    assert described - fixed == lists
