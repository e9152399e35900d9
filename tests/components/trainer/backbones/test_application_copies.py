"""The copies of keras.applications' networks against the originals."""

import socket

import keras
import numpy as np
import pytest

from components.trainer.backbones import application_copies, registry
from components.trainer.backbones import backbone as interface
from data import errors
from tests.components.trainer.backbones import conftest, photos

pytestmark = pytest.mark.xdist_group("backbones")

ORIGINALS = {
    "mobilenet_v2": (keras.applications.MobileNetV2, keras.applications.mobilenet_v2),
    "mobilenet_v3_large": (keras.applications.MobileNetV3Large, keras.applications.mobilenet_v3),
    "mobilenet_v3_small": (keras.applications.MobileNetV3Small, keras.applications.mobilenet_v3),
    "efficientnet_b0": (keras.applications.EfficientNetB0, keras.applications.efficientnet),
    "efficientnet_b4": (keras.applications.EfficientNetB4, keras.applications.efficientnet),
    "efficientnet_v2_b0": (
        keras.applications.EfficientNetV2B0,
        keras.applications.efficientnet_v2,
    ),
    "resnet50": (keras.applications.ResNet50, keras.applications.resnet50),
    "densenet121": (keras.applications.DenseNet121, keras.applications.densenet),
    "convnext_tiny": (keras.applications.ConvNeXtTiny, keras.applications.convnext),
}


def original(name: str) -> tuple[keras.Model, np.ndarray]:
    """Returns Keras' own network, and its features of the noise through its preprocess_input."""
    application, module = ORIGINALS[name]
    size = conftest.SIZE
    network = application(include_top=False, weights=None, input_shape=(size, size, 3))
    for layer in network.layers:
        if isinstance(layer, keras.layers.Normalization) and layer.weights:
            # With weights=None, EfficientNet's normalisation is empty. The published one holds the
            # deviations in place of the variances, which another layer then makes up for.
            layer.adapt_mean.assign([0.485, 0.456, 0.406])
            layer.adapt_variance.assign(np.square([0.229, 0.224, 0.225]))
            layer.finalize_state()
    inputs = module.preprocess_input(conftest.pixels().astype(np.float32))
    return network, np.asarray(network(inputs, training=False))


def test_every_downloaded_backbone_is_compared():
    entries = registry.REGISTRY.items()
    downloaded = {name for name, entry in entries if entry.imagenet == interface.DOWNLOAD}
    assert ORIGINALS.keys() == downloaded


@pytest.mark.parametrize("name", conftest.dear(ORIGINALS, ["mobilenet_v3_small"]))
def test_the_copy_with_our_preprocessing_equals_the_original_with_its_own(name, tmp_path):
    """By weights copied as after a download, and by a file that the original saved."""
    network, expected = original(name)
    scale = np.abs(expected).max()
    entry, backbone = registry.REGISTRY[name], conftest.built(name)
    kept = backbone.get_weights()
    inputs = entry.preprocess(conftest.pixels())

    application_copies.copy_weights(network, backbone)
    copied = backbone.get_weights()
    np.testing.assert_allclose(backbone(inputs), expected, atol=1e-4 * scale)

    backbone.set_weights(kept)
    network.save_weights(tmp_path / "original.weights.h5")
    backbone.load_weights(tmp_path / "original.weights.h5")
    for one, other in zip(copied, backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    backbone.set_weights(kept)


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    """Keras finds none of its downloads, and urllib forgets the proxy that it used before."""
    monkeypatch.setattr("keras.src.backend.config._KERAS_DIR", str(tmp_path))
    monkeypatch.setattr("urllib.request._opener", None)


def test_without_a_network_one_sentence_names_the_alternatives(monkeypatch, empty_cache):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
    with pytest.raises(errors.ConfigError) as raised:
        registry.build("mobilenet_v3_small", conftest.SIZE, "imagenet")
    (sentence,) = raised.value.problems
    assert sentence.startswith("The ImageNet weights of mobilenet_v3_small cannot be downloaded (")
    assert "refused" in sentence
    assert "--train.weights FILE.weights.h5 or --train.weights random" in sentence
    assert "(efficientnet_lite0, efficientnet_lite1, efficientnet_lite2)" in sentence


def test_a_server_that_never_answers_is_given_up(monkeypatch, empty_cache):
    monkeypatch.setattr(application_copies, "DOWNLOAD_TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(errors.ConfigError, match=r"cannot be downloaded .*timed out"):
            registry.build("mobilenet_v3_small", conftest.SIZE, "imagenet")
    assert socket.getdefaulttimeout() is None


def test_a_download_is_copied_into_the_backbone(monkeypatch):
    network, expected = original("mobilenet_v3_small")
    keras_own = "MobileNetV3Small"

    def application(include_top, weights, input_shape):
        assert (include_top, weights, input_shape) == (False, "imagenet", (64, 64, 3))
        return network

    backbone = conftest.built("mobilenet_v3_small")
    kept = backbone.get_weights()
    monkeypatch.setattr(keras.applications, keras_own, application)
    application_copies.load_imagenet(keras_own, backbone)
    inputs = registry.REGISTRY["mobilenet_v3_small"].preprocess(conftest.pixels())
    np.testing.assert_allclose(backbone(inputs), expected, atol=1e-4 * np.abs(expected).max())
    backbone.set_weights(kept)


@pytest.mark.landing
def test_weights_from_a_file_tell_photos_apart(shared):
    weights_file = shared("weights/mobilenet_v2_imagenet_notop.weights.h5")
    images, label_ids = photos.read(shared("datasets/flower_photos_200"))
    backbone = registry.build("mobilenet_v2", photos.SIZE, str(weights_file))
    features = photos.features("mobilenet_v2", backbone, images)
    assert photos.nearest_centroid_accuracy(features, label_ids) > 0.7
