"""What training watches, and what is fitted and answered from the maps."""

from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tasks.boxes import average_precision, decoding, matching
from tasks.detection import calibration, head, signatures, target
from tasks.detection.head import network
from tasks.facets import training

SIDE, CLASSES = 12, 3


def made(count=24, seed=0):
    """Targets and maps that find most objects, some of them badly, and some that are not there."""
    generator = np.random.default_rng(seed)
    targets = np.zeros((count, target.MAX_OBJECTS, 6), np.float32)
    targets[..., target.CLASS_ID] = target.NO_OBJECT
    maps = np.concatenate(
        [
            generator.normal(-4, 1, (count, SIDE, SIDE, CLASSES)),
            generator.normal(0, 0.1, (count, SIDE, SIDE, 2)),
            generator.normal(-1.5, 0.2, (count, SIDE, SIDE, 2)),
        ],
        axis=-1,
    ).astype(np.float32)
    for rows, image in zip(targets, maps, strict=True):
        for index in range(int(generator.integers(0, 4))):
            low = generator.uniform(0, 0.6, 2)
            corners = np.concatenate([low, low + generator.uniform(0.2, 0.4, 2)])
            class_id = int(generator.integers(0, CLASSES))
            rows[index] = [*corners, class_id, 0]
            if generator.random() < 0.85:
                centre, sides = (corners[:2] + corners[2:]) / 2, corners[2:] - corners[:2]
                row, column = (centre * SIDE).astype(int)
                offset = centre * SIDE - [row, column] - 0.5 + generator.normal(0, 0.4, 2)
                image[row, column, CLASSES:] = [*offset, *np.log(sides)]
                image[row, column, class_id] = generator.normal(1, 1)
    return targets, maps


def test_map_of_bins_is_close_to_the_exact_one():
    targets, maps = made(40)
    tally = head.HEAD.tally(tf.constant(targets), tf.constant(maps)).numpy()
    halves = [
        head.HEAD.tally(tf.constant(targets[part]), tf.constant(maps[part])).numpy()
        for part in (slice(0, 15), slice(15, 40))
    ]
    np.testing.assert_array_equal(tally, sum(halves))
    found = decoding.packed(decoding.decode(tf.constant(maps)), 0.01).numpy()
    pairs = [
        (head.truth(rows), head.answered(one)) for rows, one in zip(targets, found, strict=True)
    ]
    matches = [matching.match(*pair, CLASSES) for pair in pairs]
    exact = average_precision.per_class(average_precision.gather(matches, CLASSES)).mean()
    assert 0.2 < exact < 0.95
    assert head.HEAD.measure(tally) == pytest.approx(exact, abs=0.01)


def test_a_split_without_images_measures_0():
    nothing = head.HEAD.tally(tf.zeros([0, 100, 6]), tf.zeros([0, SIDE, SIDE, CLASSES + 4]))
    assert nothing.shape == (10, CLASSES, head.BINS, 3)
    assert head.HEAD.measure(nothing.numpy()) == 0


def model(labels):
    inputs = [keras.Input((side, side, 4)) for side in (8, 4, 2)]
    maps = dict(zip(head.HEAD.strides, inputs, strict=True))
    pooled = keras.Input((6,))
    outputs = head.HEAD.build({"maps": maps, "pooled": pooled}, len(labels), 0.1)
    return keras.Model([*inputs, pooled], outputs)


def test_known_classes_keep_their_weights():
    last, new = model(["a", "b"]), model(["b", "c", "a"])
    assert head.HEAD.copy_known(last, new, ["a", "b"], ["b", "c", "a"]) == 2
    shapes = [(side, side, 4) for side in (8, 4, 2)]
    maps = [np.random.default_rng(0).normal(size=(2, *shape)) for shape in [*shapes, (6,)]]
    before, after = last(maps).numpy(), new(maps).numpy()
    np.testing.assert_allclose(after[..., [2, 0]], before[..., :2], rtol=1e-5)
    np.testing.assert_allclose(after[..., 3:], before[..., 2:], rtol=1e-5, atol=1e-6)


def test_reapplied_layers_are_the_same():
    one = model(["a", "b"])
    inputs = [keras.Input(tensor.shape[1:]) for tensor in one.inputs]
    maps = dict(zip(head.HEAD.strides, inputs[:3], strict=True))
    features = {"maps": maps, "pooled": inputs[3]}
    other = keras.Model(inputs, head.HEAD.reapply(one, features))
    assert other.weights[0] is one.weights[0]
    assert one.get_layer(network.HEAD_MODEL) is other.get_layer(network.HEAD_MODEL)


def test_thresholds_are_fitted_and_survive_the_contract():
    targets, maps = made(60)
    settings = training.CalibrationSettings()
    found, targets = calibration.CALIBRATION.sampled(maps, targets, settings)
    fitted = calibration.CALIBRATION.fit(found, targets, ["a", "b", "c"], settings)
    assert all(0.05 < value < 0.95 for value in fitted.thresholds)
    assert "60 eval images" in fitted.note
    contract = {
        "labels": ["a", "b", "c"],
        **fitted.parameters(["a", "b", "c"]),
        "calibration": fitted.note,
    }
    assert calibration.CALIBRATION.of_contract(contract) == fitted
    few = calibration.CALIBRATION.fit(found[:3], targets[:3], ["a", "b", "c"], settings)
    assert few.thresholds == calibration.CALIBRATION.unfitted(3).thresholds


def test_how_boxes_are_chosen_is_a_setting_and_survives_the_contract():
    targets, maps = made(12)
    settings = training.CalibrationSettings(nms_iou=0.35, peaks_only=True)
    found, _ = calibration.CALIBRATION.sampled(maps, targets, settings)
    fitted = calibration.CALIBRATION.fit(found, targets, ["a", "b", "c"], settings)
    wanted = decoding.packed(decoding.decode(tf.constant(maps), 0.35, peaks_only=True), 0.01)
    np.testing.assert_array_equal(fitted.probabilities(tf.constant(maps)), wanted)
    assert not np.array_equal(calibration.CALIBRATION.unfitted(3).probabilities(maps), wanted)
    contract = {"labels": ["a", "b", "c"], **fitted.parameters(["a", "b", "c"])}
    again = calibration.CALIBRATION.of_contract({**contract, "calibration": ""})
    assert (again.max_iou, again.peaks_only) == (0.35, True)
    del contract["peaks_only"]
    old = calibration.CALIBRATION.of_contract({**contract, "calibration": ""})
    assert old.peaks_only


@pytest.mark.parametrize("mode", ["stretch", "letterbox", "center_crop"])
def test_answers_are_pixels_of_the_upright_image(mode):
    annotation = target.TARGET.of(CLASSES, 64, mode)
    sizes = tf.constant([[61, 127], [201, 97]])  # odd: letterboxes round to whole pixels
    corners = np.float32([[0.3, 0.4, 0.6, 0.6]])
    squared = [
        annotation._squared(tf.constant(np.float32([[[*corners[0], 1, 0]]])), sizes[i : i + 1])
        for i in range(2)
    ]
    maps = np.full((2, SIDE, SIDE, CLASSES + 4), -9.0, np.float32)
    for image, rows in zip(maps, squared, strict=True):
        box = rows.numpy()[0, 0, :4].astype(float)
        centre, sides = (box[:2] + box[2:]) / 2, box[2:] - box[:2]
        row, column = (centre * SIDE).astype(int)
        image[row, column] = [-9, 4, -9, *(centre * SIDE - [row, column] - 0.5), *np.log(sides)]
    pictures = SimpleNamespace(size_px=64, resize=mode, sizes=sizes)
    names, valid = tf.constant(["a", "b", "c"]), tf.constant([True, True])
    fitted = calibration.CALIBRATION.unfitted(CLASSES)
    answer = signatures.SIGNATURES.answer(fitted, names, tf.constant(maps), valid, pictures)
    for index, (height, width) in enumerate(sizes.numpy()):
        expected = corners[0] * [height, width, height, width]
        np.testing.assert_allclose(answer["boxes"][index, 0], expected, rtol=1e-4)
    assert answer["num_detections"].numpy().tolist() == [1, 1]
    assert answer["labels"][0].numpy().tolist() == [b"b"] + [b""] * 99
    assert set(answer) == set(signatures.SIGNATURES.described(["a", "b", "c"]))


def test_a_bad_image_has_no_detection():
    _, maps = made(2)
    pictures = SimpleNamespace(size_px=64, resize="stretch", sizes=tf.constant([[64, 64], [1, 1]]))
    answer = signatures.SIGNATURES.answer(
        calibration.CALIBRATION.unfitted(CLASSES),
        tf.constant(["a", "b", "c"]),
        tf.constant(maps),
        tf.constant([True, False]),
        pictures,
    )
    assert answer["num_detections"][0] > 0
    assert answer["num_detections"][1] == 0
    assert not any(answer[name][1].numpy().any() for name in ("boxes", "scores", "class_ids"))
    assert answer["scores"].shape == (2, decoding.MAX_DETECTIONS)
