import keras
import numpy as np
import pytest

from components.trainer.backbones import registry
from tasks.segmentation.network import decoder


def maps_of(name, size_px):
    entry = registry.REGISTRY[name]
    backbone = entry.build(size_px)
    shapes = {end: backbone.get_layer(end).output.shape[1:] for end in entry.block_ends}
    return backbone, decoder.strides(size_px, shapes)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("efficientnet_lite0", [2, 4, 8, 16, 32]),
        ("mobilenet_v2", [2, 4, 8, 16, 32]),
        ("resnet50", [4, 8, 16, 32]),
        ("cnn", [2, 4]),
        ("unet", [1, 2, 4, 8, 16]),
    ],
)
def test_every_stride_of_a_backbone_is_found(name, wanted):
    _, found = maps_of(name, 64)
    assert list(found) == wanted
    # The deepest layer of each size: the last one is the backbone's own output.
    assert found[wanted[-1]] == registry.REGISTRY[name].block_ends[-1]


@pytest.mark.parametrize("size_px", [64, 72])
def test_logits_have_the_size_of_the_finest_map(size_px):
    backbone, found = maps_of("efficientnet_lite0", size_px)
    found = decoder.chosen(found, from_scratch=False)
    maps = {stride: backbone.get_layer(layer).output for stride, layer in found.items()}
    model = keras.Model(backbone.input, decoder.decode(maps, 5, dropout=0.1))
    assert model.output.shape == (None, size_px // 2, size_px // 2, 5)
    assert model.output.dtype == "float32"
    assert np.isfinite(model(np.zeros([1, size_px, size_px, 3]))).all()


def test_full_convolutions_are_as_wide_as_the_maps():
    backbone, found = maps_of("unet", 32)
    maps = {stride: backbone.get_layer(layer).output for stride, layer in found.items()}
    model = keras.Model(backbone.input, decoder.decode(maps, 2, separable=False))
    assert model.output.shape == (None, 32, 32, 2)
    assert model.get_layer("decoder1_2").output.shape[-1] == maps[1].shape[-1]
