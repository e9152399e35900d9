import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

from components.trainer import describe
from components.trainer.backbones import registry
from components.trainer.network import architecture
from tests.components.trainer.backbones import conftest

pytestmark = pytest.mark.xdist_group("backbones")


def flat_layers(model: keras.Model) -> list[layers.Layer]:
    """Lists the layers in order, those of inner models in place of the models."""
    flat = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            flat += [inner for inner in flat_layers(layer) if "input" not in inner.name]
        else:
            flat.append(layer)
    return flat


def check_against_keras(model: keras.Model, rows: list[architecture.Row]) -> None:
    flat = flat_layers(model)
    assert [row.name for row in rows] == [layer.name for layer in flat]
    for row, layer in zip(rows, flat, strict=True):
        shape = layer.output.shape[1:]
        sides = shape[:-1] or (1, 1)
        assert (row.output_px, row.output_px, row.output_channels) == (*sides, shape[-1]), row
        assert row.parameters == layer.count_params(), row
    assert architecture.totals(rows).parameters == model.count_params()
    assert architecture.totals(rows).layers == len(flat)


@pytest.mark.parametrize("name", conftest.built_only())
def test_sizes_and_parameters_are_those_of_keras(name):
    backbone = conftest.built(name)
    check_against_keras(backbone, architecture.rows(backbone))


@pytest.mark.parametrize("size", [7, 8, 9, 16])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_odd_sizes_strides_and_kernels(size, padding):
    inputs = x = keras.Input((size, size, 4))
    for kernel, stride in ((3, 2), (2, 1), (1, 2)):
        x = layers.Conv2D(6, kernel, stride, padding=padding)(x)
    x = layers.ZeroPadding2D(((2, 3), (2, 3)))(x)
    x = layers.Conv2D(4, 3, dilation_rate=2, groups=2, padding=padding)(x)
    x = layers.DepthwiseConv2D(5, padding="same", depth_multiplier=2)(x)
    x = layers.SeparableConv2D(3, 3, padding="same", depth_multiplier=2, strides=2)(x)
    x = layers.BatchNormalization(scale=False)(x)
    x = layers.AveragePooling2D(2, padding="same")(x)
    x = layers.Dense(2, use_bias=False)(layers.Flatten()(x))
    model = keras.Model(inputs, x)
    check_against_keras(model, architecture.rows(model))


def test_models_within_a_model_are_told_layer_by_layer():
    backbone = conftest.built("convnext_tiny")
    pixels = keras.Input((conftest.SIZE, conftest.SIZE, 3), name="pixels")
    x = backbone(registry.REGISTRY["convnext_tiny"].preprocess(pixels))
    logits = layers.Dense(5, name="logits")(layers.GlobalAveragePooling2D()(x))
    classifier = keras.Model(pixels, logits)
    rows = architecture.rows(classifier)
    assert [row.name for row in rows][:3] == ["pixels", "preprocessing", "convnext_tiny_stem_conv"]
    assert rows[-1].parameters == 768 * 5 + 5
    assert architecture.totals(rows).parameters == classifier.count_params()


def test_the_receptive_field_is_where_the_gradient_is():
    """Of the place in the middle, in a network whose weights let all through."""
    inputs = x = keras.Input((33, 33, 1))
    options = {"padding": "same", "kernel_initializer": "ones", "use_bias": False}
    x = layers.Conv2D(1, 3, 2, **options)(x)
    branch = layers.Conv2D(1, 3, dilation_rate=2, **options)(x)
    x = layers.Add()([x, branch])
    x = layers.AveragePooling2D(3, 2, padding="same")(x)
    model = keras.Model(inputs, x)
    pixels = tf.Variable(tf.ones([1, 33, 33, 1]))
    with tf.GradientTape() as tape:
        middle = model(pixels)[0, 4, 4, 0]
    seen = np.flatnonzero(np.abs(tape.gradient(middle, pixels)[0, :, :, 0]).sum(axis=0))
    expected = architecture.totals(architecture.rows(model)).receptive_field_px
    assert seen.max() - seen.min() + 1 == expected == 15


@pytest.mark.parametrize(
    ("name", "field"), [("mobilenet_v2", 491), ("resnet50", 483), ("densenet121", 2071)]
)
def test_receptive_fields_are_those_published(name, field):
    """Source: Araujo et al., 2019, https://distill.pub/2019/computing-receptive-fields."""
    rows = architecture.rows(conftest.built(name))
    assert architecture.totals(rows).receptive_field_px == field


def test_an_excitation_sees_all_of_the_image():
    rows = {row.name: row for row in architecture.rows(conftest.built("mobilenet_v3_small"))}
    assert rows["expanded_conv_depthwise"].receptive_field_px == 7
    assert rows["expanded_conv_squeeze_excite_avg_pool"].receptive_field_px == conftest.SIZE
    assert rows["expanded_conv_squeeze_excite_mul"].receptive_field_px == conftest.SIZE


def test_the_multiply_adds_of_mobilenet_v2_are_those_published():
    """300 million with the classification layer; Sandler et al., 2018, table 4."""
    rows = architecture.rows(registry.build("mobilenet_v2", 224, "random"))
    total = architecture.totals(rows).multiply_adds + 1280 * 1000
    assert total == pytest.approx(300e6, rel=0.005)


def test_what_a_separable_convolution_saves():
    full = {row.name: row for row in architecture.rows(conftest.built("cnn"))}
    separable = {row.name: row for row in architecture.rows(conftest.built("cnn_separable"))}
    for name in ("block1_conv2", "block2_conv1", "block3_conv1"):
        row = separable[name]
        assert row.full_multiply_adds == full[name].multiply_adds
        assert row.saving == pytest.approx(full[name].multiply_adds / row.multiply_adds)
        assert row.saving == pytest.approx(9 * row.output_channels / (9 + row.output_channels))
    whole = architecture.totals(list(separable.values()))
    full_adds = architecture.totals(list(full.values())).multiply_adds
    assert whole.saving == pytest.approx(full_adds / whole.multiply_adds)
    assert architecture.totals(list(full.values())).saving == 1


@pytest.mark.parametrize(
    ("name", "layer", "kernel", "filters"),
    [
        ("mobilenet_v2", "block_1_depthwise", 3, 24),
        # Between the two there is an excitation, whose own 1×1 convolutions are not meant.
        ("efficientnet_b0", "block3a_dwconv", 5, 40),
        ("convnext_tiny", "convnext_tiny_stage_0_block_0_depthwise_conv", 7, 384),
    ],
)
def test_what_a_depthwise_and_its_pointwise_convolution_save(name, layer, kernel, filters):
    rows = {row.name: row for row in architecture.rows(conftest.built(name))}
    expected = kernel**2 * filters / (kernel**2 + filters)
    assert rows[layer].saving == pytest.approx(expected)


def test_what_cannot_be_told_is_refused():
    inputs = keras.Input((8, 8, 3))
    unknown = keras.Model(inputs, layers.Conv2DTranspose(3, 3, name="up")(inputs))
    with pytest.raises(ValueError, match="up: there is no formula for a Conv2DTranspose"):
        architecture.rows(unknown)
    uneven = keras.Model(inputs, layers.Conv2D(3, (1, 3), name="wide")(inputs))
    with pytest.raises(ValueError, match=r"wide: \(1, 3\) is not square"):
        architecture.rows(uneven)
    shared = layers.Conv2D(3, 1, name="shared")
    twice = keras.Model(inputs, shared(shared(inputs)))
    with pytest.raises(ValueError, match="shared is called 2 times"):
        architecture.rows(twice)
    oblong = keras.Input((8, 9, 3))
    with pytest.raises(ValueError, match="8×9, not a square"):
        architecture.rows(keras.Model(oblong, layers.ReLU()(oblong)))


def test_the_table_fits_100_columns(capsys):
    assert describe.main(["mobilenet_v3_small", "--size", "160"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in printed) <= 100
    text = "\n".join(printed)
    assert "mobilenet_v3_small, 160 px" in text
    assert "activation_17" in text
    assert "939,120" in text


def test_json_has_the_rows(capsys):
    assert describe.main(["cnn_separable", "--size", "64", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    expected = architecture.rows(conftest.built("cnn_separable"))
    assert rows == [dataclasses.asdict(row) for row in expected]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resnet51"], "Unknown backbone 'resnet51'; known: cnn, cnn_residual, cnn_separable, "),
        (["resnet50", "--size", "20"], "resnet50 takes images of 32 px or more, not 20 px."),
        (["resnet50", "--size", "big"], "Argument --size: invalid int value: 'big'; see --help."),
        ([], "The following arguments are required: BACKBONE; see --help."),
    ],
)
def test_a_mistake_is_one_message(arguments, message, capsys):
    assert describe.main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(f"Error: {message}")
    assert captured.err.count("\n") == 1


def test_help_needs_no_keras():
    code = (
        "import sys; from components.trainer import describe\n"
        "try: describe.main(['--help'])\n"
        "except SystemExit as error: assert error.code == 0\n"
        "sys.exit('keras' in sys.modules or 'tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module", autouse=True)
def _forget_the_backbones():
    """The last to use them: a hundred million parameters need not stay for the whole session."""
    yield
    conftest.built.cache_clear()
