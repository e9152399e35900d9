"""Target maps and losses, against naive references."""

import keras
import numpy as np
import tensorflow as tf

from tasks.boxes import decoding, geometry
from tasks.detection.head import losses, network, target_maps

HEIGHT, WIDTH, CLASSES = 10, 12, 3


def objects(*rows, places=6):
    """One image's objects, padded: class, top, left, bottom, right and whether it is ignored."""
    padded = np.zeros((1, places, 6), np.float32)
    padded[..., 4] = -1
    for index, (class_id, *corners, ignored) in enumerate(rows):
        padded[0, index] = [*corners, class_id, ignored]
    return padded


def naive_heat(rows):
    heat = np.zeros((HEIGHT, WIDTH, CLASSES))
    for class_id, top, left, bottom, right, ignored in rows:
        if ignored:
            continue
        centre = int((top + bottom) / 2 * HEIGHT), int((left + right) / 2 * WIDTH)
        sigma = max((bottom - top) * HEIGHT / 6, 0.3), max((right - left) * WIDTH / 6, 0.3)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                power = ((row - centre[0]) / sigma[0]) ** 2 + ((column - centre[1]) / sigma[1]) ** 2
                heat[row, column, class_id] = max(heat[row, column, class_id], np.exp(-power / 2))
    return heat


ROWS = [(0, 0.1, 0.1, 0.9, 0.5, 0), (2, 0.4, 0.3, 0.6, 0.45, 0), (2, 0.0, 0.7, 1.0, 1.0, 0)]


def test_heat_equals_the_naive_one():
    maps = target_maps.draw(tf.constant(objects(*ROWS)), HEIGHT, WIDTH, CLASSES)
    np.testing.assert_allclose(maps.heat[0], naive_heat(ROWS), atol=1e-6)
    assert ((maps.heat.numpy() == 1).sum(axis=(0, 1, 2)) == [1, 0, 2]).all()


def test_the_smaller_of_two_objects_claims_a_cell():
    maps = target_maps.draw(tf.constant(objects(*ROWS)), HEIGHT, WIDTH, CLASSES)
    np.testing.assert_allclose(maps.boxes[0, 5, 4], ROWS[1][1:5])
    assert maps.weights[0, 5, 4] == 1
    np.testing.assert_allclose(maps.boxes[0, 4, 3], ROWS[0][1:5])
    assert 0 < maps.weights[0, 4, 3] < 1
    assert maps.weights[0, 0, 0] == 0


def test_ignored_objects_do_not_count():
    rows = [(0, 0.1, 0.1, 0.5, 0.5, 1)]
    maps = target_maps.draw(tf.constant(objects(*rows)), HEIGHT, WIDTH, CLASSES)
    assert not maps.heat.numpy().any()
    assert maps.counts[0, 3, 3] == 0
    assert maps.counts[0, 8, 8] == 1


def test_an_image_without_objects():
    maps = target_maps.draw(tf.constant(objects(places=0)), HEIGHT, WIDTH, CLASSES)
    assert not maps.heat.numpy().any()
    assert not maps.weights.numpy().any()
    outputs = np.zeros((1, HEIGHT, WIDTH, CLASSES + 4), np.float32)
    loss = losses.CentreLoss().call(tf.constant(objects()), tf.constant(outputs))
    # −(1 − 0)⁴ 0.5² log 0.5 in every cell and class.
    np.testing.assert_allclose(loss, [-HEIGHT * WIDTH * CLASSES * 0.25 * np.log(0.5)], rtol=1e-5)


def test_focal_loss_equals_the_formula():
    maps = target_maps.draw(tf.constant(objects(*ROWS)), HEIGHT, WIDTH, CLASSES)
    logits = np.random.default_rng(0).normal(size=(1, HEIGHT, WIDTH, CLASSES)).astype(np.float32)
    y, p = naive_heat(ROWS), 1 / (1 + np.exp(-logits[0].astype(np.float64)))
    at_centre = -((1 - p) ** 2) * np.log(p)
    elsewhere = -((1 - y) ** 4) * p**2 * np.log(1 - p)
    expected = np.where(y == 1, at_centre, elsewhere).sum() / 3
    np.testing.assert_allclose(losses.focal(maps, tf.constant(logits)), [expected], rtol=1e-4)
    factors = [2.0, 2.0, 2.0]
    np.testing.assert_allclose(losses.focal(maps, logits, factors), [2 * expected], rtol=1e-4)


def perfect_maps(rows):
    """Maps whose cells all answer with the box that they should learn."""
    maps = target_maps.draw(tf.constant(objects(*rows)), HEIGHT, WIDTH, CLASSES)
    boxes = maps.boxes[0].numpy()
    centre_y, centre_x = (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2
    place = [centre_y * HEIGHT - np.arange(HEIGHT)[:, None] - 0.5]
    place += [centre_x * WIDTH - np.arange(WIDTH)[None] - 0.5]
    sides = [np.log(np.maximum(boxes[..., i + 2] - boxes[..., i], 1e-3)) for i in (0, 1)]
    heat = np.where(maps.heat[0].numpy() == 1, 20.0, -20.0)
    return np.concatenate([heat, np.stack(place + sides, axis=-1)], axis=-1)[None]


def test_the_right_maps_have_no_loss_and_decode_to_the_objects():
    maps = tf.constant(perfect_maps(ROWS), tf.float32)
    loss = losses.CentreLoss().call(tf.constant(objects(*ROWS)), maps)
    np.testing.assert_allclose(loss, [0], atol=1e-4)
    decoded = decoding.decode(maps)
    expected = np.array([row[1:5] for row in ROWS])
    overlap = geometry.iou(decoded["boxes"][0, :3].numpy(), expected)
    np.testing.assert_allclose(np.sort(overlap.max(axis=0)), [1, 1, 1], atol=1e-4)
    assert sorted(decoded["class_ids"][0, :3].numpy()) == [0, 2, 2]
    assert (decoded["scores"][0, 3:].numpy() < 1e-3).all()


def test_a_small_head_learns_where_a_bright_square_is():
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    images, targets = np.zeros((64, 16, 16, 1), np.float32), np.zeros((64, 1, 6), np.float32)
    for image, target in zip(images, targets, strict=True):
        top, left = generator.integers(0, 10, 2)
        side = generator.integers(3, 7)
        image[top : top + side, left : left + side] = 1
        target[0, :4] = np.array([top, left, top + side, left + side]) / 16
    fine = keras.Input((16, 16, 1))
    coarse = keras.layers.AveragePooling2D(2)(fine)
    pooled = keras.layers.GlobalAveragePooling2D()(fine)
    head = network.build([(16, 16, 1), (8, 8, 1)], 1, 1, width=16)
    model = keras.Model(fine, head([fine, coarse, pooled]))
    assert model.output.shape == (None, 16, 16, 5)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=losses.CentreLoss())
    history = model.fit(images, targets, epochs=12, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.35 * history[0]
