import keras
import numpy as np
import pytest

from tasks.segmentation.head import decoder


def built(size, widths, **options):
    maps = {
        stride: keras.Input((-(-size // stride),) * 2 + (width,))
        for stride, width in widths.items()
    }
    pooled = keras.Input((7,))
    return keras.Model([*maps.values(), pooled], decoder.decode(maps, pooled, 5, **options))


@pytest.mark.parametrize("size", [64, 72])
def test_logits_have_the_size_of_the_finest_map(size):
    model = built(size, {2: 4, 4: 6, 8: 8, 16: 10, 32: 12}, dropout=0.1)
    assert model.output.shape == (None, size // 2, size // 2, 5)
    assert model.output.dtype == "float32"
    values = [np.zeros([1, *one.shape[1:]]) for one in model.inputs]
    assert np.isfinite(model(values)).all()


def test_full_convolutions_are_as_wide_as_the_maps():
    model = built(32, {1: 4, 2: 8, 4: 16}, separable=False)
    assert model.output.shape == (None, 32, 32, 5)
    assert model.get_layer("decoder1_2").output.shape[-1] == 4


def test_what_the_whole_image_shows_reaches_every_pixel():
    model = built(16, {2: 4, 4: 6})
    maps = [np.zeros([1, *one.shape[1:]]) for one in model.inputs[:-1]]
    dark, bright = (np.asarray(model([*maps, np.full([1, 7], value)])) for value in (0.0, 9.0))
    assert (np.abs(dark - bright).max(-1) > 0).all()
