"""The network for ONNX Runtime computes what TensorFlow does, for every backbone and task."""

import hashlib
import importlib.util
import logging

import keras
import numpy as np
import pytest

from components.preprocess import materialise
from components.trainer import config
from components.trainer.backbones import registry
from components.trainer.exports import network
from components.trainer.network import model
from tasks import task

SIZE = 64
LABELS = ["dark", "bright", "striped"]
CASES = [(name, "classification") for name in registry.REGISTRY]
CASES += [("efficientnet_lite0", name) for name in task.names() if name != "classification"]


# Keras compiles the convolutions of its depthwise layers by XLA, which the converter does not look into.
NOT_CONVERTED = {"convnext_tiny"}


def built(backbone: str, task_name: str) -> keras.Model:
    splits = {"train": 1, "eval": 1, "test": 0}
    spec = materialise.Spec(SIZE, "stretch", LABELS, splits, task=task_name)
    keras.utils.set_random_seed(0)
    return model.build(config.TrainConfig(backbone=backbone, weights="random"), spec)


def require_equal(classifier: keras.Model, path) -> None:
    """Requires the same numbers, relative to the largest: random weights may make all of them small."""
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)
    found = session.run(["embedding", "outputs"], {"pixels": pixels})
    embedding = classifier.get_layer(model.EMBEDDING_LAYER).output
    both = keras.Model(classifier.input, [embedding, classifier.output])
    for one, expected in zip(found, both(pixels.astype(np.float32), training=False), strict=True):
        values = np.asarray(expected)
        assert np.abs(values).max() > 0
        np.testing.assert_allclose(one, values, rtol=0, atol=1e-4 * np.abs(values).max())


@pytest.mark.parametrize(
    ("backbone", "task_name"),
    [
        case if case[0] == "cnn" else pytest.param(*case, marks=pytest.mark.landing)
        for case in CASES
    ],
)
def test_onnx_runtime_computes_what_tensorflow_does(backbone, task_name, tmp_path):
    pytest.importorskip("tf2onnx")
    classifier = built(backbone, task_name)
    path = tmp_path / "network.onnx"
    entry = network.write(classifier, path, "probabilities")
    if backbone in NOT_CONVERTED:
        assert "cannot be converted (ValidationError: No Op registered" in entry.absent
        assert not path.exists() and not network.is_present({"network": entry.to_dict()})
        return
    content = path.read_bytes()
    assert entry == network.Network(
        hashlib.sha256(content).hexdigest(), len(content), "probabilities"
    )
    assert network.is_present({"network": entry.to_dict()})
    require_equal(classifier, path)


def test_without_the_converter_tensorflow_serves_and_that_is_said(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        entry = network.write(keras.Model(), tmp_path / "network.onnx", "probabilities")
    assert "tf2onnx, of the extra [onnx], was not installed" in entry.absent
    assert "TensorFlow will serve the model" in caplog.text
    assert not network.is_present({"network": entry.to_dict()})


def test_what_cannot_be_converted_is_no_error(tmp_path, monkeypatch):
    tf2onnx = pytest.importorskip("tf2onnx")

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no such operator")

    monkeypatch.setattr(tf2onnx.convert, "from_function", fail)
    entry = network.write(built("cnn", "classification"), tmp_path / "n.onnx", "probabilities")
    assert entry.absent == "the network cannot be converted (ValueError: no such operator)"
    assert entry.sha256 == ""
