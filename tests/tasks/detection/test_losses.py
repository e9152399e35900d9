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


def naive_bells(rows):
    """The Gaussian of each object that counts, 0 outside of its core: [M, h, w]."""
    bells = np.zeros((len(rows), HEIGHT, WIDTH))
    for index, (_, top, left, bottom, right, ignored) in enumerate(rows):
        if ignored:
            continue
        centre = int((top + bottom) / 2 * HEIGHT), int((left + right) / 2 * WIDTH)
        sigma = max((bottom - top) * HEIGHT / 6, 0.3), max((right - left) * WIDTH / 6, 0.3)
        for row in range(HEIGHT):
            for column in range(WIDTH):
                power = ((row - centre[0]) / sigma[0]) ** 2 + ((column - centre[1]) / sigma[1]) ** 2
                bell = np.exp(-power / 2)
                bells[index, row, column] = bell if bell >= target_maps.LEAST else 0
    return bells


ROWS = [(0, 0.1, 0.1, 0.9, 0.5, 0), (2, 0.4, 0.3, 0.6, 0.45, 0), (2, 0.0, 0.7, 1.0, 1.0, 0)]


def drawn(*rows):
    return target_maps.draw(tf.constant(objects(*rows)), HEIGHT, WIDTH, CLASSES)


def test_maps_equal_the_naive_ones():
    maps, bells = drawn(*ROWS), naive_bells(ROWS)
    owner, centred = bells.argmax(axis=0), bells.max(axis=0)
    np.testing.assert_allclose(maps.centred[0], centred, atol=1e-6)
    shares = bells / np.sqrt(bells.sum(axis=(1, 2), keepdims=True))
    np.testing.assert_allclose(maps.weights[0], np.choose(owner, shares), atol=1e-6)
    expected = np.zeros((HEIGHT, WIDTH, CLASSES))
    for row in range(HEIGHT):
        for column in range(WIDTH):
            if centred[row, column]:
                expected[row, column, ROWS[owner[row, column]][0]] = 1
    np.testing.assert_array_equal(maps.classes[0], expected)
    assert (maps.centred.numpy() == 1).sum() == 3


def test_a_cell_of_two_cores_belongs_to_the_object_it_is_more_central_to():
    maps = drawn(*ROWS)
    np.testing.assert_allclose(maps.boxes[0, 5, 4], ROWS[1][1:5])
    assert maps.centred[0, 5, 4] == 1
    np.testing.assert_allclose(maps.boxes[0, 4, 3], ROWS[0][1:5])
    assert 0 < maps.weights[0, 4, 3] < 1
    assert maps.weights[0, 0, 0] == 0


def test_a_large_object_counts_more_than_a_small_one_but_not_by_its_area():
    objects_of = [(0, 0.0, 0.0, 0.4, 0.4, 0), (0, 0.0, 0.0, 0.8, 0.8, 0)]
    small, large = (float(tf.reduce_sum(drawn(one).weights)) for one in objects_of)
    assert 1.5 * small < large < 3 * small


def test_ignored_objects_do_not_count():
    maps = drawn((0, 0.1, 0.1, 0.5, 0.5, 1))
    assert not maps.centred.numpy().any()
    assert not maps.classes.numpy().any()
    assert maps.counts[0, 3, 3] == 0
    assert maps.counts[0, 8, 8] == 1


def test_an_image_without_objects():
    maps = target_maps.draw(tf.constant(objects(places=0)), HEIGHT, WIDTH, CLASSES)
    assert not maps.classes.numpy().any()
    assert not maps.weights.numpy().any()
    outputs = np.zeros((1, HEIGHT, WIDTH, CLASSES + 4), np.float32)
    loss = losses.CentreLoss().call(tf.constant(objects()), tf.constant(outputs))
    # 0.375 · 0.5² · −log 0.5 in every cell and class.
    expected = -0.375 * HEIGHT * WIDTH * CLASSES * 0.25 * np.log(0.5)
    np.testing.assert_allclose(loss, [expected], rtol=1e-5)


def test_the_loss_of_scores_equals_the_formula():
    generator = np.random.default_rng(0)
    logits = generator.normal(size=(1, HEIGHT, WIDTH, CLASSES)).astype(np.float32)
    overlaps = generator.uniform(size=(1, HEIGHT, WIDTH)).astype(np.float32)
    maps, expected = drawn(*ROWS), 0.0
    for row in range(HEIGHT):
        for column in range(WIDTH):
            for k in range(CLASSES):
                p = 1 / (1 + np.exp(-float(logits[0, row, column, k])))
                if maps.classes[0, row, column, k]:
                    q = overlaps[0, row, column] * np.sqrt(maps.centred[0, row, column])
                    entropy = -q * np.log(p) - (1 - q) * np.log(1 - p)
                    expected += 2 * maps.weights[0, row, column] * max(q, 0.1) * entropy
                else:
                    expected += -0.375 * p**2 * np.log(1 - p)
    expected = float(expected / np.sum(maps.weights))
    found = losses.scores(maps, tf.constant(overlaps), tf.constant(logits))
    np.testing.assert_allclose(found, [expected], rtol=1e-4)
    doubled = losses.scores(maps, tf.constant(overlaps), tf.constant(logits), [2.0, 2.0, 2.0])
    np.testing.assert_allclose(doubled, [2 * expected], rtol=1e-4)


def test_the_score_that_is_wanted_does_not_move_the_box():
    """Else a box would get worse where its score is low."""
    outputs = np.random.default_rng(0).normal(size=(1, HEIGHT, WIDTH, CLASSES + 4))
    outputs[..., CLASSES + 2 :] -= 2
    maps = tf.Variable(outputs, dtype=tf.float32)
    truth = tf.constant(objects(*ROWS))
    with tf.GradientTape(persistent=True) as tape:
        whole = losses.CentreLoss().call(truth, maps)
        boxes = decoding.boxes_of(maps[..., CLASSES:])
        placed = losses.BOX_WEIGHT * losses.overlap(drawn(*ROWS), boxes)
    moved, alone = (tape.gradient(one, maps)[..., CLASSES:] for one in (whole, placed))
    np.testing.assert_allclose(moved, alone, atol=1e-6)
    assert np.abs(alone).max() > 0


def perfect_maps(rows):
    """Maps whose cells all answer with the box and the score that they should learn."""
    maps = drawn(*rows)
    boxes = maps.boxes[0].numpy()
    centre_y, centre_x = (boxes[..., 0] + boxes[..., 2]) / 2, (boxes[..., 1] + boxes[..., 3]) / 2
    place = [centre_y * HEIGHT - np.arange(HEIGHT)[:, None] - 0.5]
    place += [centre_x * WIDTH - np.arange(WIDTH)[None] - 0.5]
    sides = [np.log(np.maximum(boxes[..., i + 2] - boxes[..., i], 1e-3)) for i in (0, 1)]
    wanted = np.clip(np.sqrt(maps.centred[0].numpy()), 1e-6, 1 - 1e-6)
    heat = np.where(maps.classes[0].numpy(), np.log(wanted / (1 - wanted))[..., None], -20.0)
    return np.concatenate([heat, np.stack(place + sides, axis=-1)], axis=-1)[None]


def test_the_right_maps_have_the_least_loss_and_decode_to_the_objects():
    maps = tf.Variable(perfect_maps(ROWS), dtype=tf.float32)
    with tf.GradientTape() as tape:
        loss = losses.CentreLoss().call(tf.constant(objects(*ROWS)), maps)
    assert np.abs(tape.gradient(loss, maps)[..., :CLASSES]).max() < 1e-5
    overlap = losses.overlap(drawn(*ROWS), decoding.boxes_of(maps[..., CLASSES:]))
    np.testing.assert_allclose(overlap, [0], atol=1e-4)
    decoded = decoding.decode(tf.constant(maps))
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
    assert (targets[..., 4] == 0).all()
    fine = keras.Input((16, 16, 1))
    coarse = keras.layers.AveragePooling2D(2)(fine)
    pooled = keras.layers.GlobalAveragePooling2D()(fine)
    head = network.build([(16, 16, 1), (8, 8, 1)], 1, 1, width=16)
    model = keras.Model(fine, head([fine, coarse, pooled]))
    assert model.output.shape == (None, 16, 16, 5)
    model.compile(optimizer=keras.optimizers.Adam(1e-2), loss=losses.CentreLoss())
    history = model.fit(images, targets, epochs=16, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    best = decoding.decode(model(images, training=True))["boxes"][:, :1].numpy()
    pairs = zip(best, targets[..., :4], strict=True)
    overlaps = np.array([geometry.iou(one, other)[0, 0] for one, other in pairs])
    assert np.mean(overlaps > 0.5) > 0.9
