"""One battery over every backbone of the registry."""

import keras
import numpy as np
import pytest

from components.trainer.backbones import efficientnet_lite, names, registry, weights
from data import errors

SIZE = 64


@pytest.fixture(scope="module", params=names.BACKBONES)
def entry(request) -> tuple[str, registry.Backbone, keras.Model]:
    return (
        request.param,
        registry.REGISTRY[request.param],
        registry.build(request.param, SIZE, "random"),
    )


def test_names_and_registry_agree():
    assert tuple(registry.REGISTRY) == names.BACKBONES


def test_features(entry):
    _, _, backbone = entry
    features = backbone(np.zeros([2, SIZE, SIZE, 3], np.float32))
    assert features.shape[0] == 2
    assert features.shape[1:3] == (SIZE // 32, SIZE // 32)


def test_block_ends_are_layers_in_order_and_end_at_the_top(entry):
    _, backbone_entry, backbone = entry
    order = [layer.name for layer in backbone.layers]
    positions = [order.index(name) for name in backbone_entry.block_ends]
    assert positions == sorted(positions)
    assert positions[-1] == len(order) - 1


def test_no_edge_crosses_a_block_end(entry):
    """A boundary must cut the graph in two: all that is above depends on its output alone."""
    _, backbone_entry, backbone = entry
    for name in backbone_entry.block_ends[:-1]:
        top = keras.Model(backbone.get_layer(name).output, backbone.output)
        assert top.count_params() < backbone.count_params()


def test_preprocessing_maps_pixels_into_a_small_range(entry):
    _, backbone_entry, _ = entry
    low, high = backbone_entry.offset, 255 * backbone_entry.scale + backbone_entry.offset
    assert -3 <= low < high <= 3


def test_the_local_file_is_loaded(entry, tmp_path):
    name, _, backbone = entry
    path = tmp_path / "w.weights.h5"
    backbone.save_weights(path)
    again = registry.build(name, SIZE, str(path))
    for one, other in zip(backbone.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_wrong_weights_name_the_alternatives(tmp_path):
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save_weights(
        tmp_path / "other.weights.h5"
    )
    with pytest.raises(errors.ConfigError, match="takes imagenet, random or a"):
        registry.build("efficientnet_lite0", SIZE, str(tmp_path / "other.weights.h5"))


@pytest.mark.parametrize("value", ["nowhere.weights.h5", __file__])
def test_weights_are_checked_before_a_run(value):
    with pytest.raises(errors.ConfigError, match=r"imagenet, random or a \.weights\.h5 file"):
        weights.check("efficientnet_lite0", value)


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(weights.PACKAGES, "efficientnet_lite0", "not_installed_anywhere")
    with pytest.raises(errors.ConfigError, match="not-installed-anywhere, which is not installed"):
        weights.check("efficientnet_lite0", "imagenet")
    weights.check("efficientnet_lite0", "random")


def test_efficientnet_lite0_has_the_published_parameters():
    backbone = registry.build("efficientnet_lite0", 224, "imagenet")
    # 4.69 million with the classification layer of 1,280 × 1,000 + 1,000 and the BatchNorms'.
    assert backbone.count_params() == 3_413_024
    assert backbone.output.shape[1:] == (7, 7, efficientnet_lite.HEAD_FILTERS)


def test_imagenet_weights_give_features_that_tell_photos_apart(shared):
    """A nearest-centroid on frozen features, far above chance: the weights are in their places."""
    from PIL import Image

    root = shared("datasets/flower_photos_200")
    entry = registry.REGISTRY["efficientnet_lite0"]
    backbone = registry.build("efficientnet_lite0", 96, "imagenet")
    images, labels = [], []
    for label, folder in enumerate(sorted(path for path in root.iterdir() if path.is_dir())):
        for path in sorted(folder.glob("*"))[:20]:
            images.append(np.asarray(Image.open(path).convert("RGB").resize((96, 96))))
            labels.append(label)
    labels = np.array(labels)
    inputs = np.stack(images).astype(np.float32) * entry.scale + entry.offset
    features = backbone.predict(inputs, verbose=0).mean(axis=(1, 2))
    known = np.arange(len(labels)) % 20 < 12
    centroids = np.stack([features[known & (labels == k)].mean(axis=0) for k in range(5)])
    distances = ((features[~known, None] - centroids) ** 2).sum(axis=-1)
    assert (distances.argmin(axis=1) == labels[~known]).mean() > 0.6
