"""Tests of the environment variables of TensorFlow."""

import subprocess
import sys

from data import fresh_process, tensorflow_environment

NAMES = ("TF_CPP_MIN_LOG_LEVEL", "TF_ENABLE_ONEDNN_OPTS")


def test_what_the_user_has_set_stays(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    assert tensorflow_environment.defaults("1") == dict(zip(NAMES, "11", strict=True))
    assert fresh_process.variables()["TF_ENABLE_ONEDNN_OPTS"] == "1"
    monkeypatch.setenv("TF_ENABLE_ONEDNN_OPTS", "0")
    assert tensorflow_environment.defaults("1") == {"TF_CPP_MIN_LOG_LEVEL": "1"}
    assert fresh_process.variables()["TF_ENABLE_ONEDNN_OPTS"] == "0"


def test_it_is_known_before_tensorflow_is_imported():
    code = "import sys, data.tensorflow_environment; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
