"""Images shown in one another: what is returned as an object is there to see."""

import numpy as np
import pytest
import tensorflow as tf

from data.augment import augment_config, joining
from tasks.detection import target

SIDE, COUNT = 64, 4
# Two objects an image, apart from each other and between images; white for the second.
BOXES = np.float32(
    [
        [[8, 8, 24, 20], [40, 36, 60, 60]],
        [[28, 4, 44, 24], [4, 40, 20, 62]],
        [[10, 10, 30, 30], [0, 0, 0, 0]],
        [[0, 0, 0, 0], [0, 0, 0, 0]],
    ]
)
PRESENT = np.array([[True, True], [True, True], [True, False], [False, False]])
GROUND = (40, 80, 120, 160)  # of the images, which are grey
OBJECT = np.array([[200, 210], [220, 230], [240, 0], [0, 0]])


def batch():
    pixels = np.zeros((COUNT, SIDE, SIDE, 3), np.uint8)
    for index, level in enumerate(GROUND):
        pixels[index] = level
        for (top, left, bottom, right), shade in zip(BOXES[index], OBJECT[index], strict=True):
            pixels[index, int(top) : int(bottom), int(left) : int(right)] = shade
    corners = np.zeros((COUNT, 12, 4), np.float32)
    corners[:, :2] = BOXES / SIDE
    present = np.zeros((COUNT, 12), bool)
    present[:, :2] = PRESENT
    return pixels, corners, present


def joined(seed=(1, 2), **options):
    config = augment_config.JoinConfig(**options)
    found = joining.join(*map(tf.constant, batch()), config, tf.constant(seed, tf.int64))
    return [one.numpy() for one in found]


def seen(pixels, shade, box):
    """The box around the rows and columns in which most of the pixels near a box are of a shade."""
    near = np.zeros((SIDE, SIDE), bool)
    top, left, bottom, right = np.round(box * SIDE).astype(int)
    near[max(0, top - 3) : bottom + 3, max(0, left - 3) : right + 3] = True
    lit = near & (np.abs(pixels[..., 0].astype(int) - shade) <= 1)
    rows = np.flatnonzero(lit.sum(axis=1) > (right - left) / 2)
    columns = np.flatnonzero(lit.sum(axis=0) > (bottom - top) / 2)
    return np.array([rows[0], columns[0], rows[-1] + 1, columns[-1] + 1])


def test_a_mosaic_shows_four_images_and_its_boxes_lie_around_their_objects():
    found = 0
    for seed in range(6):
        pixels, corners, present, places = joined((seed, 9), mosaic_probability=1.0)
        assert pixels.dtype == np.uint8 and pixels.shape == (COUNT, SIDE, SIDE, 3)
        for image, boxes, there, of in zip(pixels, corners, present, places, strict=True):
            assert set(GROUND) <= set(np.unique(image[..., 0]))
            for box, (source, place) in zip(boxes[there], of[there], strict=True):
                shade = OBJECT[source, place]
                top, left, bottom, right = box * SIDE
                # A pixel at each edge is lost to interpolation.
                rows = slice(int(np.ceil(top)) + 1, int(bottom) - 1)
                columns = slice(int(np.ceil(left)) + 1, int(right) - 1)
                assert (np.abs(image[rows, columns, 0].astype(int) - shade) <= 1).all()
                around = seen(image, shade, box)
                np.testing.assert_allclose(box * SIDE, around, atol=1.01)
                found += 1
            # What is not returned is hidden for the greater part, or not there.
            assert len({tuple(one) for one in of[there]}) == there.sum()
    assert found > 60


def test_pasted_boxes_bring_their_pixels_and_hide_no_object():
    before, corners_before, present_before = batch()
    pasted = 0
    for seed in range(6):
        pixels, corners, present, places = joined((seed, 5), copy_paste_probability=1.0)
        for index in range(COUNT):
            own = present_before[index].sum()
            np.testing.assert_array_equal(corners[index][:own], corners_before[index][:own])
            changed = np.zeros((SIDE, SIDE), bool)
            for box, (source, place) in zip(
                corners[index][present[index]][own:],
                places[index][present[index]][own:],
                strict=True,
            ):
                assert source == (index - 1) % COUNT
                top, left, bottom, right = np.round(box * SIDE).astype(int)
                assert (pixels[index, top:bottom, left:right] == OBJECT[source, place]).all()
                changed[top:bottom, left:right] = True
                pasted += 1
            np.testing.assert_array_equal(pixels[index][~changed], before[index][~changed])
    assert pasted > 5


def test_objects_that_touch_others_are_not_pasted():
    pixels, corners, present = batch()
    corners[0, 1] = corners[0, 0] + 0.02  # over its neighbour
    config = augment_config.JoinConfig(copy_paste_probability=1.0)
    for seed in range(6):
        found = joining.join(
            *map(tf.constant, (pixels, corners, present)), config, tf.constant([seed, 1], tf.int64)
        )
        assert found[2].numpy()[1].sum() == present[1].sum()


@pytest.mark.parametrize("name", ["mosaic_probability", "copy_paste_probability"])
def test_a_share_of_the_images_is_joined_the_same_for_one_seed(name):
    before, _, _ = batch()
    changed = []
    for seed in range(30):
        one, other = (joined((seed, 3), **{name: 0.5}) for _ in range(2))
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        changed += [not np.array_equal(a, b) for a, b in zip(one[0], before, strict=True)]
    assert 0.1 < np.mean(changed) < 0.7
    assert np.array_equal(joined()[0], before)


def test_the_rows_of_a_target_keep_their_class():
    pixels, corners, present = batch()
    annotation = target.TARGET.of(3, SIDE)
    rows = np.full((COUNT, target.MAX_OBJECTS, 6), [0, 0, 0, 0, -1, 0], np.float32)
    rows[:, :12, :4] = corners
    rows[:, :12, 4] = np.where(present, [[2], [1], [0], [0]], -1)
    config = augment_config.JoinConfig(mosaic_probability=1.0, copy_paste_probability=0.5)
    changed, moved = annotation.joined(
        tf.constant(pixels), tf.constant(rows), config, tf.constant([4, 4], tf.int64)
    )
    assert annotation.spec.is_compatible_with(moved)
    class_of = {200: 2, 210: 2, 220: 1, 230: 1, 240: 0}
    for image, found in zip(changed.numpy(), moved.numpy(), strict=True):
        for *box, class_id, ignored in found[found[:, 4] >= 0]:
            top, left, bottom, right = np.round(np.array(box) * SIDE).astype(int)
            middle = image[(top + bottom) // 2, (left + right) // 2, 0]
            nearest = min(class_of, key=lambda shade: abs(shade - int(middle)))
            assert (class_of[nearest], ignored) == (class_id, 0)
