"""The code paths of GPUs, run on a CPU that TensorFlow is configured to split into two devices."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from components.trainer import config, devices
from components.trainer.loop import phases
from tasks import linear_head
from tests.components.trainer import conftest

ROOT = Path(__file__).resolve().parents[3]
TWO_DEVICES = """
import json, sys
from pathlib import Path
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from components.trainer import devices
from components.trainer.loop import phases
from tests.components.trainer import conftest
used = devices.strategy(["CPU:0", "CPU:1"])
assert used.num_replicas_in_sync == 2
devices.strategy = lambda names=None: used
root = Path(sys.argv[1])
files = conftest.write(root / "train", *conftest.images(0)), conftest.write(
    root / "eval", *conftest.images(1)
)
losses = {}
for views in (0, 2):
    settings = {"dropout": 0.0, "clip_norm": 0.0, **conftest.views(views)}
    _, history = phases.train(conftest.job(files, root / str(views), **settings))
    losses[views] = history.phases
print(json.dumps(losses))
"""


@pytest.mark.landing
def test_two_devices_train_as_one(tmp_path, make_job):
    """Without clipping: Keras clips the gradient of each device before it adds them up."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-c", TWO_DEVICES, str(tmp_path / "two")]
    (tmp_path / "two").mkdir()
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    two = json.loads(done.stdout.splitlines()[-1])
    for number in (0, 2):
        _, one = phases.train(make_job(dropout=0.0, clip_norm=0.0, **conftest.views(number)))
        for phase, metrics in one.phases.items():
            for name in ("loss", "val_loss"):
                other = two[str(number)][phase][name]
                np.testing.assert_allclose(other, metrics[name], rtol=1e-3)


@pytest.mark.landing
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mixed_precision_trains_and_what_is_kept_is_float32(make_job, precision):
    job = make_job(mixed_precision=precision, fine_tune_epochs=1)
    classifier, history = phases.train(job)
    assert history.best_score() >= 0.9
    assert {layer.compute_dtype for layer in classifier._flatten_layers()} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"


def test_a_cpu_takes_neither_mixed_precision_nor_xla():
    assert devices.precision("auto") == "float32"
    assert devices.jit_compile(config.TrainConfig()) is False
    assert devices.jit_compile(config.TrainConfig(xla="on")) is True


@pytest.mark.parametrize(
    ("capability", "expected"),
    [((9, 0), "mixed_bfloat16"), ((7, 5), "mixed_float16"), ((6, 1), "float32")],
)
def test_a_gpu_takes_what_it_is_fast_at(monkeypatch, capability, expected):
    monkeypatch.setattr(devices, "gpus", lambda: ["GPU:0"])
    monkeypatch.setattr(devices.tf.config, "list_physical_devices", lambda kind: [kind])
    monkeypatch.setattr(
        devices.tf.config.experimental,
        "get_device_details",
        lambda device: {"compute_capability": capability},
    )
    assert devices.precision("auto") == expected
    assert devices.precision("off") == "float32"
    assert devices.jit_compile(config.TrainConfig()) == "auto"


@pytest.mark.landing
def test_xla_trains(make_job):
    job = make_job(xla="on", head_epochs=2, fine_tune_epochs=0, **conftest.views(0))
    classifier, history = phases.train(job)
    assert len(history.phases["head"]["loss"]) == 2
    assert isinstance(classifier.get_layer(linear_head.LOGITS_LAYER), keras.layers.Dense)
