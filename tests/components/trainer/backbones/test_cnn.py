import keras
import numpy as np
import pytest
from keras import layers

from components.trainer.backbones.families import cnn
from tests.components.trainer.backbones import conftest

pytestmark = pytest.mark.xdist_group("backbones")


@pytest.mark.parametrize("name", ["cnn", "cnn_separable"])
def test_three_blocks_of_3x3_convolutions(name):
    kinds = (layers.Conv2D, layers.SeparableConv2D)
    convolutions = [layer for layer in conftest.built(name).layers if isinstance(layer, kinds)]
    assert [layer.filters for layer in convolutions] == [32, 32, 64, 64, 128]
    assert {layer.kernel_size for layer in convolutions} == {(3, 3)}
    separable = [isinstance(layer, layers.SeparableConv2D) for layer in convolutions]
    assert separable == [False] + [name == "cnn_separable"] * 4


def test_each_convolution_is_normalised_and_rectified():
    kinds = [type(layer).__name__ for layer in conftest.built("cnn").layers[1:]]
    unit = ["Conv2D", "BatchNormalization", "ReLU"]
    assert kinds == [*unit * 2, "MaxPooling2D", *unit * 2, "MaxPooling2D", *unit]


def test_the_residual_one_adds_a_convolution_to_what_it_read():
    network = cnn.build_residual(16)
    convolutions = [one for one in network.layers if isinstance(one, layers.Conv2D)]
    assert [one.filters for one in convolutions] == [32, 64, 128, 128, 256, 256]
    pixels = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
    ends = [network.get_layer(f"block3_{end}").output for end in ("pool", "add")]
    both = keras.Model(network.input, ends)
    read, added = both.predict(pixels, verbose=0)
    assert added.shape == (2, 2, 2, 256) and (added >= read).all() and (added > read).any()
    silent = network.get_layer("block3_residual_bn")
    silent.set_weights([np.zeros_like(value) for value in silent.get_weights()])
    read, added = both.predict(pixels, verbose=0)
    np.testing.assert_array_equal(added, read)


@pytest.mark.parametrize("size", [4, 30, 33])
def test_the_map_is_a_quarter_of_the_image(size):
    assert cnn.build(size).output.shape[1:] == (size // 4, size // 4, 128)
