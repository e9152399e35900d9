"""Served masks, and how far two of them are apart."""

import numpy as np
import pytest
import tensorflow as tf

from tasks.facets.serving import Pictures
from tasks.facets.training import CalibrationSettings
from tasks.segmentation import calibration, compare, signatures
from tasks.segmentation.answers import masks
from tests.tasks.segmentation import made

SIDE = 16
SIZES = [(24, 40), (16, 16), (1, 1)]
CONTRACT = {"image_size_px": SIDE, "labels": made.LABELS}


@pytest.fixture(scope="module")
def answered():
    logits = np.random.default_rng(0).normal(size=[3, SIDE // 2, SIDE // 2, 3]).astype(np.float32)
    fitted = calibration.Fitted(2.0)

    @tf.function
    def answer(outputs, sizes):
        pictures = Pictures(sizes, SIDE, "stretch")
        valid = tf.constant([True, True, False])
        return signatures.SIGNATURES.answer(fitted, made.LABELS, outputs, valid, pictures)

    return logits, {name: one.numpy() for name, one in answer(logits, tf.constant(SIZES)).items()}


def test_a_mask_has_the_size_of_its_image(answered):
    _, found = answered
    told = [masks.decoded(png) for png in found["mask_png"][:2]]
    assert [one.shape for one in told] == SIZES[:2]
    assert found["class_ids"].shape == (3, SIDE, SIDE) and found["class_ids"].dtype == np.uint8
    np.testing.assert_array_equal(told[1], found["class_ids"][1])
    assert found["class_ids"].max() == 2


def test_shares_are_those_of_the_mask_and_the_label_is_the_largest(answered):
    _, found = answered
    mask = masks.decoded(found["mask_png"][0])
    shares = np.bincount(mask.ravel(), minlength=3) / mask.size
    np.testing.assert_allclose(found["class_fractions"][0], shares, rtol=1e-6)
    values = found["class_ids"].reshape(3, -1)
    named = compare.COMPARE.names(values, np.array([True, True, False]), CONTRACT)
    assert [one.decode() for one in found["label"]] == named
    assert (found["confidence"][:2] > 1 / 3).all()


def test_the_model_says_where_it_is_sure(answered):
    logits, found = answered
    probabilities = np.exp(logits / 2) / np.exp(logits / 2).sum(-1, keepdims=True)
    sure = masks.decoded(found["sure_png"][1])
    is_sure = probabilities[1].max(-1) >= signatures.SURE
    wanted = np.where(is_sure, probabilities[1].argmax(-1), 255)
    np.testing.assert_array_equal(sure, np.kron(wanted, np.ones([2, 2], int)))
    assert masks.decoded(found["sure_png"][0]).shape == SIZES[0]
    assert found["sure_png"][2] == b""


def test_what_cannot_be_read_has_an_empty_answer(answered):
    _, found = answered
    assert found["mask_png"][2] == b"" and found["label"][2] == b""
    assert not found["class_ids"][2].any() and not found["class_fractions"][2].any()
    assert (
        compare.COMPARE.problem(
            found["class_ids"].reshape(3, -1).astype(float), np.array([True, True, False])
        )
        is None
    )


def test_the_trained_network_and_the_served_model_give_the_same_classes(answered):
    logits, found = answered
    probabilities = calibration.Fitted(2.0).probabilities(tf.constant(logits))
    values = compare.COMPARE.values(probabilities, CONTRACT).numpy()
    assert values.shape == (3, compare.COMPARE.width(CONTRACT))
    np.testing.assert_array_equal(values[:2], found["class_ids"][:2].reshape(2, -1))


def test_distances_are_shares_of_pixels():
    first = np.zeros([2, 100])
    second = first.copy()
    second[1, :3] = 1
    assert compare.COMPARE.distances(first, second).tolist() == [0, 0.03]


@pytest.mark.parametrize("wrong", [-1.0, 0.5, 256.0])
def test_what_is_no_class_number_is_told(wrong):
    values = np.array([[0.0, wrong]])
    assert f"one is {wrong:g}" in compare.COMPARE.problem(values, np.array([True]))
    assert "one is 1" in compare.COMPARE.problem(np.ones([1, 2]), np.array([False]))


def test_every_output_is_described(answered):
    _, found = answered
    assert signatures.SIGNATURES.described(made.LABELS).keys() == found.keys()


def test_the_temperature_is_fitted_on_some_pixels_without_void():
    generator = np.random.default_rng(0)
    masks = generator.choice([0, 1, 2, 255], [4, 32, 32]).astype(np.uint8)
    logits = 8 * np.eye(3, dtype=np.float32)[np.where(masks == 255, 0, masks)]
    logits += generator.normal(0, 6, logits.shape).astype(np.float32)
    rows, truth = calibration.CALIBRATION.sampled(logits, masks, CalibrationSettings())
    assert rows.shape == (len(truth), 3) and 500 < len(truth) < 4 * 256
    assert truth.max() == 2

    fitted = calibration.CALIBRATION.fit(rows, truth, made.LABELS, CalibrationSettings())
    assert fitted.temperature > 1.2  # those logits are too sure
    assert calibration.CALIBRATION.of_contract(fitted.parameters(made.LABELS)).temperature == (
        fitted.temperature
    )
