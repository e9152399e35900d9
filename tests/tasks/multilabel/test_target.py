import numpy as np
import pytest
import tensorflow as tf

from data.examples import example
from tasks.multilabel import target

ANNOTATION = target.TARGET.of(4)


def record(*labels: int) -> bytes:
    value = tf.train.Feature(int64_list=tf.train.Int64List(value=labels))
    features = tf.train.Features(feature={example.CLASS_LABEL: value})
    return tf.train.Example(features=features).SerializeToString()


def parsed(*records: bytes) -> np.ndarray:
    return example.parse_targets(tf.constant(records), ANNOTATION).numpy()


def test_targets_are_1_at_every_label_of_a_record():
    found = parsed(record(2, 0), record(), record(3), record(1, 1))
    assert found.tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert ANNOTATION.spec.is_compatible_with(tf.constant(found))


def test_records_without_any_label_have_targets_of_zeros():
    assert parsed(record(), record()).tolist() == [[0] * 4] * 2
    assert parsed(tf.train.Example().SerializeToString()).tolist() == [[0] * 4]


@pytest.mark.parametrize("label", [-1, 4])
def test_a_label_outside_of_the_label_map_fails(label):
    with pytest.raises(tf.errors.InvalidArgumentError, match="outside of the label map"):
        tf.function(lambda rows: example.parse_targets(rows, ANNOTATION))(
            tf.constant([record(1, label)])
        )


@pytest.mark.parametrize("labels", [(), (0,), (1, 3), (0, 1, 2, 3)])
def test_pixels_records_give_the_targets_back(labels):
    (wanted,) = parsed(record(*labels))
    pixels = np.zeros((2, 2, 3), np.uint8)
    written = example.encode_pixels(pixels, ANNOTATION.encode(wanted), b"")
    _, found = example.parse_pixels(tf.constant([written]), 2, ANNOTATION)
    np.testing.assert_array_equal(found[0], wanted)
    np.testing.assert_array_equal(ANNOTATION.presence(found)[0], wanted == 1)


def test_an_image_is_repeated_as_its_rarest_label_needs():
    targets = parsed(record(0), record(0, 3), record(), record(1, 2))
    factors = tf.constant([0.5, 0.25, 0.1, 4.0], tf.float64)
    found = ANNOTATION.repeats(tf.constant(targets), factors)
    assert found.dtype == tf.float64
    np.testing.assert_allclose(found, [0.5, 4.0, 1.0, 0.25])
