"""One battery over every backbone of the registry."""

import sys
from dataclasses import dataclass

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config as train_config
from components.trainer.backbones import backbone as interface
from components.trainer.backbones import families, registry
from components.trainer.network import cut, model
from data import errors
from tests.components.trainer.backbones import conftest

pytestmark = pytest.mark.xdist_group("backbones")


@dataclass
class Entry:
    name: str
    registered: interface.Backbone
    backbone: keras.Model

    def inputs(self) -> np.ndarray:
        return np.asarray(self.registered.preprocess(conftest.pixels()))


@pytest.fixture(scope="module", params=conftest.built_only())
def entry(request) -> Entry:
    return Entry(request.param, registry.REGISTRY[request.param], conftest.built(request.param))


# One file, as a contributor would write it.
TOY = """
from components.trainer.backbones import backbone, preprocessing


def build(size_px):
    import keras

    inputs = keras.Input((size_px, size_px, 3), name="inputs")
    x = keras.layers.Conv2D(4, 3, 2, padding="same", name="low")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(8, 3, 2, padding="same", name="high")(x))


BACKBONES = {
    "toy": backbone.Backbone(
        build=build,
        preprocessing=preprocessing.TF,
        block_ends=("low", "high"),
        default_size_px=16,
        parameters=408,
        smallest_size_px=8,
    )
}
"""


@pytest.fixture
def toy(monkeypatch, tmp_path):
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    # Gone from the imported modules afterwards.
    monkeypatch.setitem(sys.modules, f"{families.__name__}.toy", None)
    monkeypatch.delitem(sys.modules, f"{families.__name__}.toy")
    monkeypatch.setattr(registry, "REGISTRY", registry.find())


def test_a_backbone_is_one_file(toy):
    """The settings take it, and the classifier is built of it, frozen and cut as of any other."""
    config = train_config.TrainConfig(backbone="toy", weights="random", unfreeze_blocks=1)
    spec = materialise.Spec(16, "stretch", ["a", "b", "c"], {})
    classifier = model.build(config, spec)
    assert classifier(conftest.pixels()[:, :16, :16]).shape == (2, 3)
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    assert backbone.count_params() == registry.REGISTRY["toy"].parameters
    assert cut.boundary("toy", config.unfreeze_blocks) == "low"
    assert model.unfreeze_top(backbone, registry.REGISTRY["toy"].block_ends, 1) == ["high"]


def test_two_backbones_of_one_name_are_refused(monkeypatch, tmp_path):
    (tmp_path / "again.py").write_text('BACKBONES = {"cnn": None}')
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    with pytest.raises(ValueError, match="Several backbones have the name cnn"):
        registry.find()


def test_imagenet_weights_have_an_origin_a_loader_and_a_licence_or_none_of_them():
    for registered in registry.REGISTRY.values():
        assert registered.is_pretrained == (registered.load_imagenet is not None)
        assert registered.is_pretrained == bool(registered.licence)


@pytest.mark.parametrize("entry", conftest.dear(), indirect=True)
def test_pixels_to_features(entry):
    inputs = entry.registered.preprocess(conftest.pixels())
    assert inputs.dtype == "float32"
    features = np.asarray(entry.backbone(inputs))
    assert features.shape == (2, *entry.backbone.output.shape[1:])
    assert np.isfinite(features).all()
    assert not np.array_equal(features[0], features[1])


def test_parameters(entry):
    assert entry.backbone.count_params() == entry.registered.parameters


def test_the_grad_cam_layer_is_a_map_that_the_output_depends_on(entry):
    layer = entry.backbone.get_layer(entry.registered.grad_cam_layer)
    assert len(layer.output.shape) == 4
    keras.Model(entry.backbone.input, [layer.output, entry.backbone.output])


def test_block_ends_are_layers_in_order_up_to_the_last(entry):
    order = [layer.name for layer in entry.backbone.layers]
    positions = [order.index(name) for name in entry.registered.block_ends]
    assert positions == sorted(set(positions))
    assert positions[-1] == len(order) - 1


def test_all_paths_go_through_every_block_end(entry):
    """In a topological order, an edge that skips a node is a path around it."""
    operations = entry.backbone.operations
    position = {operation.name: index for index, operation in enumerate(operations)}
    producers = {id(operation.output): operation.name for operation in operations}
    edges = [
        (position[producers[id(tensor)]], position[operation.name])
        for operation in operations[1:]
        for tensor in keras.tree.flatten(operation.input)
    ]
    assert len(edges) >= len(operations) - 1
    for name in entry.registered.block_ends:
        around = [edge for edge in edges if edge[0] < position[name] < edge[1]]
        assert not around, name


# Those with names that Keras makes up, and own ones.
@pytest.mark.parametrize(
    "name",
    conftest.dear(
        ["efficientnet_lite0", "mobilenet_v3_small", "densenet121", "convnext_tiny", "cnn"]
    ),
)
def test_the_smallest_size_has_the_same_layers(name):
    """No name depends on the size, or on what was built before in the process."""
    registered = registry.REGISTRY[name]
    smallest = registered.build(registered.smallest_size_px)
    assert min(smallest.output.shape[1:]) >= 1
    assert [layer.name for layer in smallest.layers] == [
        layer.name for layer in conftest.built(name).layers
    ]


@pytest.mark.parametrize("blocks", [1, 2])
def test_unfreezing_trains_what_is_above_the_boundary_alone(entry, blocks):
    ends = entry.registered.block_ends
    trained = model.unfreeze_top(entry.backbone, ends, blocks)
    above = keras.Model(entry.backbone.get_layer(ends[-blocks - 1]).output, entry.backbone.output)
    norms = {
        layer.name for layer in above.layers if isinstance(layer, keras.layers.BatchNormalization)
    }
    expected = {layer.name for layer in above.layers if layer.weights} - norms
    assert set(trained) == expected
    assert expected
    trainable = {id(weight) for weight in entry.backbone.trainable_weights}
    assert trainable == {
        id(weight) for name in expected for weight in entry.backbone.get_layer(name).weights
    }
    model.freeze(entry.backbone)


@pytest.mark.parametrize("entry", conftest.dear(), indirect=True)
def test_frozen_features_are_the_same_in_training_as_in_inference(entry):
    model.freeze(entry.backbone)
    inputs = entry.inputs()
    inference = entry.backbone(inputs, training=False)
    training = entry.backbone(inputs, training=True)
    np.testing.assert_array_equal(inference, training)


@pytest.mark.parametrize("entry", conftest.dear(), indirect=True)
def test_batch_norm_statistics_stay_bit_for_bit_when_all_else_trains(entry):
    backbone = entry.backbone
    model.unfreeze_top(backbone, entry.registered.block_ends, len(entry.registered.block_ends))
    before = backbone.get_weights()
    kept = {id(weight) for layer in _norms(backbone) for weight in layer.weights}
    with tf.GradientTape() as tape:
        # Of the logarithm, as the features of random weights may be very small.
        loss = tf.math.log(tf.reduce_mean(tf.square(backbone(entry.inputs(), training=True))))
    gradients = tape.gradient(loss, backbone.trainable_variables)
    keras.optimizers.SGD(1.0).apply(gradients, backbone.trainable_variables)
    changed = 0
    for weight, value in zip(backbone.weights, before, strict=True):
        if id(weight) in kept:
            np.testing.assert_array_equal(weight, value)
        else:
            changed += not np.array_equal(weight, value)
    assert changed
    backbone.set_weights(before)
    model.freeze(backbone)


def _norms(backbone: keras.Model) -> list[keras.layers.Layer]:
    return [
        layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]


# One of each kind: own layers, plain operations, reversed channels, Keras' own special layers.
@pytest.mark.parametrize(
    "name",
    conftest.dear(["efficientnet_lite0", "mobilenet_v3_small", "resnet50", "convnext_tiny"]),
)
def test_a_saved_model_loads_without_custom_objects(name, tmp_path):
    pixels = keras.Input((conftest.SIZE, conftest.SIZE, 3), name="pixels", dtype="uint8")
    inputs = registry.REGISTRY[name].preprocess(pixels)
    classifier = keras.Model(pixels, conftest.built(name)(inputs))
    classifier.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    assert again.get_layer("preprocessing").output.dtype == "float32"
    images = conftest.pixels()
    np.testing.assert_array_equal(again(images, training=False), classifier(images, training=False))


def test_a_size_below_what_the_backbone_allows_is_one_sentence(entry):
    too_small = entry.registered.smallest_size_px - 1
    with pytest.raises(errors.ConfigError, match=f"px or more, not {too_small} px"):
        registry.build(entry.name, too_small, "random")
