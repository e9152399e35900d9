import keras
import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import config
from components.trainer.backbones import registry
from components.trainer.network import model

SPEC = materialise.Spec(32, "stretch", list("abcd"), {})


@pytest.fixture(scope="module")
def classifier() -> keras.Model:
    return model.build(config.TrainConfig(weights="random", dropout=0.0), SPEC)


def test_pixels_to_logits(classifier):
    assert classifier.input.shape[1:] == (32, 32, 3)
    assert classifier.output.shape[1:] == (4,)
    assert classifier.output.dtype == "float32"


def test_a_new_classifier_trains_its_head_alone(classifier):
    names = {weight.path for weight in classifier.trainable_weights}
    assert names == {"logits/kernel", "logits/bias"}


def test_preprocessing_is_inside(classifier):
    layer = classifier.get_layer("preprocessing")
    ours = registry.REGISTRY["efficientnet_lite0"].preprocessing
    assert (layer.scale, layer.offset) == (ours.scale, ours.offset)


def test_unfreezing_takes_whole_blocks_from_the_top_and_no_batch_norm(classifier):
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    ends = registry.REGISTRY["efficientnet_lite0"].block_ends
    assert model.unfreeze_top(backbone, ends, 1) == ["head_conv"]
    two = model.unfreeze_top(backbone, ends, 2)
    assert two == [
        "block15_expand_conv",
        "block15_depthwise_conv",
        "block15_project_conv",
        "head_conv",
    ]
    everything = model.unfreeze_top(backbone, ends, 99)
    assert everything[0] == "stem_conv"
    norms = [n for n in backbone.layers if isinstance(n, keras.layers.BatchNormalization)]
    assert norms
    assert not any(norm.trainable for norm in norms)
    model.freeze(backbone)
    assert not backbone.trainable_weights


def test_training_mode_equals_inference_mode(classifier):
    """Without dropout the two must agree: every BatchNorm normalises by its moving statistics."""
    backbone = classifier.get_layer(model.BACKBONE_LAYER)
    ends = registry.REGISTRY["efficientnet_lite0"].block_ends
    model.unfreeze_top(backbone, ends, 99)
    pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
    inference = classifier(pixels, training=False)
    training = classifier(pixels, training=True)
    model.freeze(backbone)
    np.testing.assert_array_equal(training, inference)
