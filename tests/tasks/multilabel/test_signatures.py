import json

import numpy as np
import tensorflow as tf

from tasks.multilabel import calibration, signatures

LABELS = ["cat", 'a "big", dog', "großer\\Hund", "\u2028\n"]
FITTED = calibration.Fitted((0.5, 0.25, 0.9, 0.5), 2.0)
SIGNATURES = signatures.SIGNATURES


def asked(probabilities, valid=None) -> dict[str, np.ndarray]:
    probabilities = np.array(probabilities, np.float32)
    logits = 2.0 * np.log(probabilities / (1 - probabilities))
    valid = tf.constant([True] * len(logits) if valid is None else valid, tf.bool)

    @tf.function
    def answer(outputs, valid):
        return SIGNATURES.answer(FITTED, LABELS, outputs, valid)

    return {name: value.numpy() for name, value in answer(tf.constant(logits), valid).items()}


def test_labels_over_their_thresholds_are_listed_most_probable_first():
    rows = [[0.6, 0.3, 0.8, 0.95], [0.4, 0.2, 0.8, 0.1], [0.51, 0.99, 0.95, 0.1]]
    found = asked(rows)
    assert set(found) == set(SIGNATURES.described(LABELS))
    np.testing.assert_allclose(found["probabilities"], rows, atol=1e-5)
    listed = [json.loads(text) for text in found["labels"]]
    assert listed == [[LABELS[3], LABELS[0], LABELS[1]], [], [LABELS[1], LABELS[2], LABELS[0]]]


def test_a_probability_at_its_threshold_is_over_it():
    fitted = calibration.Fitted((0.5,))
    logits = tf.constant([[0.0], [np.nextafter(np.float32(0), np.float32(-1))], [-1e-3]])
    found = SIGNATURES.answer(fitted, ["a"], logits, tf.constant([True] * 3))
    assert found["labels"].numpy().tolist() == [b'["a"]', b'["a"]', b"[]"]


def test_an_image_that_is_refused_has_zeros_and_an_empty_text():
    found = asked([[0.9] * 4, [0.9] * 4], [False, True])
    assert found["labels"][0] == b""
    assert len(json.loads(found["labels"][1])) == 4
    assert not found["probabilities"][0].any()


def test_no_image_is_no_answer():
    found = asked(np.zeros((0, 4)))
    assert (found["labels"].shape, found["probabilities"].shape) == ((0,), (0, 4))


def test_the_explained_label_is_the_most_probable_or_the_one_asked_for():
    logits = tf.constant([[0.0, 2.0, 1.0, -1.0]] * 2)
    valid = tf.constant([True, False])
    best = SIGNATURES.explained(FITTED, LABELS, logits, valid)
    assert set(best) == set(SIGNATURES.explained_described())
    assert best["label"].numpy().tolist() == [LABELS[1].encode(), b""]
    ids = tf.constant([3, 3], tf.int64)
    other = SIGNATURES.explained(FITTED, LABELS, logits, valid, ids)
    assert other["label"].numpy().tolist() == [LABELS[3].encode(), b""]
    np.testing.assert_allclose(other["score"], [1 / (1 + np.exp(0.5)), 0], atol=1e-6)
