"""Heads that read maps: cut anywhere, the model answers the same, and its maps are cached as vectors."""

import keras
import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import config
from components.trainer.backbones import registry
from components.trainer.network import cut, model, taps
from tasks import task

SIZE = 64
SPEC = materialise.Spec(SIZE, "stretch", list("abc"), {}, task="segmentation")
HEAD = task.load(SPEC.task).head


@pytest.fixture(scope="module", params=["efficientnet_lite0", "unet"])
def built(request) -> tuple[str, keras.Model]:
    settings = config.TrainConfig(backbone=request.param, weights="random", dropout=0.0)
    return request.param, model.build(settings, SPEC)


def images():
    return np.random.default_rng(0).integers(0, 256, [2, SIZE, SIZE, 3]).astype(np.float32)


def answer(part, inputs):
    return np.asarray(part(inputs, training=False))


@pytest.mark.parametrize("unfrozen", [1, 3])
def test_a_model_that_is_cut_answers_the_same(built, unfrozen):
    name, whole = built
    wanted = answer(whole, images())
    features = answer(cut.embedder(whole, name), images())
    np.testing.assert_array_equal(answer(cut.head(whole, HEAD), features), wanted)
    boundary = cut.boundary(name, unfrozen)
    below = answer(cut.lower(whole, name, boundary), images())
    np.testing.assert_array_equal(answer(cut.upper(whole, boundary, HEAD), below), wanted)
    np.testing.assert_array_equal(answer(cut.upper_embedder(whole, boundary), below), features)


def test_the_embedding_comes_last(built):
    name, whole = built
    features = answer(cut.embedder(whole, name), images())
    embedding = keras.Model(whole.input, whole.get_layer(model.EMBEDDING_LAYER).output)
    count = cut.feature_shapes(whole)[-1][0]
    np.testing.assert_array_equal(features[:, -count:], answer(embedding, images()))
    assert features.shape[1] == taps.row_values(cut.feature_shapes(whole))


def test_a_saved_model_has_its_maps(built, tmp_path):
    _, whole = built
    whole.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras", compile=False)
    np.testing.assert_array_equal(answer(again, images()), answer(whole, images()))
    assert cut.feature_shapes(again) == cut.feature_shapes(whole)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("efficientnet_lite0", {2: 16, 4: 24, 8: 40, 16: 112, 32: 320}),
        ("mobilenet_v2", {2: 16, 4: 24, 8: 32, 16: 96, 32: 320}),
        ("resnet50", {4: 256, 8: 512, 16: 1024, 32: 2048}),
        ("cnn", {2: 32, 4: 128}),
        ("unet", {1: 16, 2: 32, 4: 64, 8: 128, 16: 256}),
    ],
)
def test_the_deepest_map_of_each_stride_is_read_but_no_widened_one(name, wanted):
    entry = registry.REGISTRY[name]
    backbone = entry.build(SIZE)
    shapes = {end: tuple(backbone.get_layer(end).output.shape[1:]) for end in entry.block_ends}
    found = taps.find(SIZE, shapes)
    assert {stride: shapes[layer][-1] for stride, layer in found.items()} == wanted


def test_packing_is_undone():
    shapes = [(4, 4, 2), (2, 2, 3), (5,)]
    parts = [keras.Input(shape) for shape in shapes]
    vector = taps.packed(parts)
    model_of = keras.Model(parts, taps.unpacked(vector, shapes))
    values = [np.random.default_rng(1).normal(size=(3, *shape)) for shape in shapes]
    for found, wanted in zip(model_of(values), values, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


@pytest.mark.parametrize(
    ("size", "side", "stride"), [(64, 2, 32), (72, 3, 32), (72, 9, 8), (64, 5, None)]
)
def test_strides_of_sides_that_do_not_divide(size, side, stride):
    assert taps.stride_of(size, side) == stride
