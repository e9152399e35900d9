import dataclasses
import subprocess
import sys

import keras
import numpy as np
import pytest

from components.trainer.backbones import registry
from data import errors
from tests.components.trainer.backbones import conftest

pytestmark = pytest.mark.xdist_group("backbones")


@pytest.mark.parametrize("name", ["cnn_separable", "mobilenet_v3_small"])
def test_a_local_file_is_loaded(name, tmp_path):
    path = tmp_path / "own.weights.h5"
    backbone = conftest.built(name)
    backbone.save_weights(path)
    again = registry.build(name, conftest.SIZE, str(path))
    for one, other in zip(backbone.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_file_of_another_network_names_the_alternatives(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(
        tmp_path / "other.weights.h5"
    )
    with pytest.raises(errors.ConfigError, match="takes imagenet, random or a") as raised:
        registry.build("efficientnet_lite0", conftest.SIZE, str(tmp_path / "other.weights.h5"))
    (message,) = raised.value.problems
    assert len(message) < 500, "Keras' list of layers is left out"


@pytest.mark.parametrize("value", ["nowhere.weights.h5", __file__])
def test_files_are_checked_before_a_run(value):
    with pytest.raises(errors.ConfigError, match=r"imagenet, random or a \.weights\.h5 file"):
        registry.check_weights("efficientnet_lite0", value)


def test_a_missing_package_is_named(monkeypatch):
    entry = registry.REGISTRY["efficientnet_lite0"]
    gone = dataclasses.replace(entry, imagenet="not_installed_anywhere")
    monkeypatch.setitem(registry.REGISTRY, "efficientnet_lite0", gone)
    with pytest.raises(errors.ConfigError, match="not-installed-anywhere, which is not installed"):
        registry.check_weights("efficientnet_lite0", "imagenet")
    registry.check_weights("efficientnet_lite0", "random")


@pytest.mark.parametrize("name", ["cnn", "cnn_separable"])
def test_a_network_without_imagenet_weights_says_what_is_allowed(name):
    with pytest.raises(errors.ConfigError) as raised:
        registry.check_weights(name, "imagenet")
    assert str(raised.value) == (
        f"--train.weights imagenet: {name} is trained from scratch and has no ImageNet weights;"
        f" random or a .weights.h5 file of {name} is allowed."
    )
    with pytest.raises(errors.ConfigError, match="trained from scratch"):
        registry.build(name, conftest.SIZE, "imagenet")


@pytest.mark.parametrize("name", registry.REGISTRY)
def test_what_can_be_had_passes(name):
    pretrained = registry.REGISTRY[name].is_pretrained
    registry.check_weights(name, "imagenet" if pretrained else "random")


def test_the_check_needs_no_keras():
    code = (
        "import sys; from components.trainer.backbones import registry;"
        " registry.check_weights('resnet50', 'imagenet'); sys.exit('keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
