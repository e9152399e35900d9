"""A mask goes through the same geometry as its image, there and back."""

import numpy as np
import pytest
import tensorflow as tf

from data.graph import decoding, mask_geometry
from data.masks import convert

MODES = ["stretch", "center_crop", "letterbox"]


def blobs(height, width):
    mask = np.zeros([height, width], np.uint8)
    mask[height // 4 : height // 2, width // 3 : width // 2] = 1
    mask[height // 2 :, : width // 4] = 2
    return mask


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(40, 64), (64, 40), (32, 32), (7, 90)])
def test_a_mask_lies_on_its_image(mode, size):
    mask = blobs(*size)
    levels = np.array([10, 120, 230], np.uint8)
    image = np.repeat(levels[mask][..., None], 3, 2)
    resized = mask_geometry.resize_mask(tf.constant(mask), 32, mode).numpy()
    shown = decoding.resize(tf.constant(image), 32, mode).numpy()[..., 0].astype(int)
    known = resized != 255
    assert known.all() or mode == "letterbox"
    nearest = abs(shown[..., None] - levels.astype(int)).argmin(-1)
    # Antialiasing mixes levels at edges, and of a strip 7 px high all are edges.
    assert (nearest == resized)[known].mean() > (0.9 if min(size) > 10 else 0.6)
    assert (shown[~known] == 0).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(40, 64), (65, 41), (32, 32)])
def test_scores_go_back_to_the_upright_size(mode, size):
    mask = blobs(*size)
    small = mask_geometry.resize_mask(tf.constant(mask), 64, mode).numpy()
    scores = tf.one_hot(tf.constant(small.astype(np.int32)), 3)
    back = mask_geometry.upright_classes(scores, tf.constant(size), 64, mode).numpy()
    assert back.shape == size
    seen = back != 255
    assert seen.all() or mode == "center_crop"
    assert (back == mask)[seen].mean() > 0.95


def test_the_highest_class_wins_and_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(mask_geometry, "INTERPOLATED_PX", 16)
    scores = tf.one_hot(tf.constant(blobs(8, 8).astype(np.int32)), 5)
    back = mask_geometry.upright_classes(scores, tf.constant((64, 64)), 8, "stretch").numpy()
    np.testing.assert_array_equal(back[::4, ::4], back[1::4, 1::4])
    assert set(np.unique(back)) == {0, 1, 2}


def test_nearest_is_the_one_of_numpy():
    mask = np.random.default_rng(0).integers(0, 9, [13, 22]).astype(np.uint8)
    wanted = convert.nearest(mask, (32, 32))
    np.testing.assert_array_equal(
        mask_geometry.resize_mask(tf.constant(mask), 32, "stretch"), wanted
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(40, 64), (65, 41), (32, 32)])
def test_a_mask_goes_back_to_the_upright_size(mode, size):
    mask = blobs(*size)
    small = mask_geometry.resize_mask(tf.constant(mask), 64, mode)
    back = mask_geometry.upright_mask(small, tf.constant(size), 64, mode).numpy()
    assert back.shape == size
    seen = back != 255
    assert seen.all() or mode == "center_crop"
    assert (back == mask)[seen].mean() > 0.95
    assert set(np.unique(back)) <= {0, 1, 2, 255}
