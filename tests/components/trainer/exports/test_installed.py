import importlib.util

import pytest

from components.trainer.exports import config, installed
from data import errors


def test_what_a_format_needs_and_is_not_there(monkeypatch):
    found = importlib.util.find_spec
    absent = {"tf2onnx", "onnxruntime"}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in absent else found(name)
    )
    installed.check(["tflite_float16", "tflite_int8"])
    with pytest.raises(errors.ConfigError) as caught:
        installed.check(["tflite_int8", "onnx"])
    assert str(caught.value) == (
        "--train.exports.formats onnx: tf2onnx and onnxruntime are not installed; install the"
        " extra [onnx], or leave onnx out."
    )


def test_each_format_once():
    with pytest.raises(ValueError, match="each format once"):
        config.ExportConfig(formats=["onnx", "onnx"])
