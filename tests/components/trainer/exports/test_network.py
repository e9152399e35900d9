"""The network for ONNX Runtime computes what TensorFlow does, for every backbone and task."""

import hashlib
import importlib.util
import json
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.preprocess import materialise
from components.trainer import config, served_model
from components.trainer.backbones import registry
from components.trainer.calibration import calibration
from components.trainer.exports import network
from components.trainer.network import model
from serving.triton import runtimes
from tasks import task
from tasks.facets import training
from tests import planted
from tests.serving.backend import runtime_choice

SIZE = 64
LABELS = ["dark", "bright", "striped"]
CASES = [(name, "classification") for name in registry.REGISTRY]
CASES += [("efficientnet_lite0", name) for name in task.names() if name != "classification"]


# Keras compiles the convolutions of its depthwise layers by XLA, which the converter does not look into.
NOT_CONVERTED = {"convnext_tiny"}


def spec_of(task_name: str) -> materialise.Spec:
    splits = {"train": 1, "eval": 1, "test": 0}
    return materialise.Spec(SIZE, "stretch", LABELS, splits, task=task_name)


def built(backbone: str, task_name: str) -> keras.Model:
    keras.utils.set_random_seed(0)
    settings = config.TrainConfig(backbone=backbone, weights="random")
    return model.build(settings, spec_of(task_name))


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


def gallery_of(classifier: keras.Model, task_name: str) -> calibration.Calibration | None:
    """A calibration by drawn images, for a task that answers with its training images; else None."""
    fitting = task.load(task_name).calibration
    if not fitting.reads_train:
        return None
    shape, targets = (6, SIZE, SIZE, 3), np.arange(6) % len(LABELS)
    pixels = np.random.default_rng(1).integers(0, 256, shape).astype(np.float32)
    outputs = classifier.predict(pixels, verbose=0)
    names = [f"{number}.png" for number in range(6)]
    images = training.TrainImages(outputs, targets, names, ["0" * 64] * 6, "0" * 64)
    asked = training.CalibrationSettings()
    return calibration.Calibration(fitting.fit(outputs, targets, LABELS, asked, images))


@pytest.mark.landing
@pytest.mark.parametrize("task_name", task.names())
def test_a_version_of_every_task_answers_alike_and_a_fault_is_found_at_load(task_name, tmp_path):
    pytest.importorskip("tf2onnx")
    classifier, folder = built("efficientnet_lite0", task_name), tmp_path / "1"
    for weight in classifier.weights:
        # Else random weights make the embedding so small that no fault behind it shows.
        if "moving_variance" in getattr(weight, "path", weight.name):
            weight.assign(np.full(weight.shape, 0.05, np.float32))
    save = (classifier, spec_of(task_name), "efficientnet_lite0", folder, tmp_path)
    served_model.save(*save, gallery_of(classifier, task_name), with_network=True)
    loaded = tf.saved_model.load(str(folder))

    def chosen() -> runtimes.Choice:
        contract = json.loads((folder / "assets" / "contract.json").read_text())
        about = (loaded, str(folder), contract, 1)
        return runtime_choice.choose(runtimes.AUTO, *about)[0]

    choice = chosen()
    assert choice.trial_ms and not choice.is_failure
    assert choice.largest_difference <= runtime_choice.TOLERANCE
    planted.fault(folder)
    assert chosen().is_failure and "its answers differ" in chosen().reason


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
