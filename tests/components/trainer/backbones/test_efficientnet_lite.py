import keras
import numpy as np
import pytest

from components.trainer.backbones import registry, torch_weights
from components.trainer.backbones.families import efficientnet_lite
from tests.components.trainer.backbones import conftest, photos

# As published; with the classification layer of 1,280 × 1,000 + 1,000 they are 4.7 M, 5.4 M and
# 6.1 M, BatchNorm's statistics not counted.
BLOCKS = {"efficientnet_lite0": 16, "efficientnet_lite1": 21, "efficientnet_lite2": 21}
MILLIONS = {"efficientnet_lite0": 4.7, "efficientnet_lite1": 5.4, "efficientnet_lite2": 6.1}


IMAGENET_DAISY = 985


@pytest.fixture(scope="module", params=efficientnet_lite.VARIANTS)
def pretrained(request) -> tuple[str, keras.Model, dict[str, np.ndarray]]:
    """Returns the name, the backbone and the tensors that its weights were read from."""
    backbone = registry.build(request.param, photos.SIZE, "imagenet")
    tensors = torch_weights.load(efficientnet_lite.weights_file(request.param))
    return request.param, backbone, tensors


def test_the_checkpoint_is_taken_whole(pretrained):
    """Every tensor of the file but the classification layer's and the counters is a weight."""
    name, backbone, tensors = pretrained
    taken = [
        tensor
        for key, tensor in tensors.items()
        if not key.startswith("_fc.") and not key.endswith("num_batches_tracked")
    ]
    assert sum(stage.repeats for stage in efficientnet_lite.stages(name)) == BLOCKS[name]
    assert backbone.count_params() == sum(tensor.size for tensor in taken)
    for one, other in zip(_sums(backbone.get_weights()), _sums(taken), strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def _sums(values: list[np.ndarray]) -> list[float]:
    return sorted(float(value.sum(dtype=np.float64)) for value in values)


def test_the_parameters_are_those_published(pretrained):
    name, backbone, _ = pretrained
    statistics = sum(w.size for w in backbone.get_weights()) - sum(
        int(np.prod(w.shape)) for w in backbone.trainable_weights
    )
    head = efficientnet_lite.HEAD_FILTERS * 1000 + 1000
    assert round((backbone.count_params() - statistics + head) / 1e6, 1) == MILLIONS[name]


@pytest.mark.parametrize("pretrained", conftest.dear(efficientnet_lite.VARIANTS), indirect=True)
def test_imagenet_weights_know_daisies_and_tell_flowers_apart(pretrained, shared):
    name, backbone, tensors = pretrained
    images, label_ids = photos.read(shared("datasets/flower_photos_200"))
    features = photos.features(name, backbone, images)
    logits = features @ tensors["_fc.weight"].T + tensors["_fc.bias"]
    is_daisy = logits.argmax(axis=1) == IMAGENET_DAISY
    assert is_daisy[label_ids == photos.DAISY].mean() > 0.7
    assert photos.nearest_centroid_accuracy(features, label_ids) > 0.7


def test_a_package_that_vanished_is_told(monkeypatch):
    gone = efficientnet_lite.VARIANTS["efficientnet_lite0"]._replace(
        package="not_installed_anywhere"
    )
    monkeypatch.setitem(efficientnet_lite.VARIANTS, "efficientnet_lite0", gone)
    assert efficientnet_lite.weights_file("efficientnet_lite0") is None
    with pytest.raises(FileNotFoundError, match="not_installed_anywhere is not installed"):
        efficientnet_lite.load_imagenet("efficientnet_lite0", None)
