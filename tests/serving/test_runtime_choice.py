"""ONNX Runtime serves only where it is quicker, and only with the answers of the SavedModel."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving import triton
from serving.triton import runtimes
from tests import planted
from tests.serving.served import encoded

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("graphs_as_they_are")


@pytest.fixture(scope="module")
def backend():
    """Imports the files that lie beside model.py in Triton's folder, as the worker does."""
    folder = str(Path(triton.__file__).parent)
    sys.path.insert(0, folder)
    import fast_network
    import onnx_file
    import runtime_choice

    yield runtime_choice, fast_network, onnx_file
    sys.path.remove(folder)


@pytest.fixture(scope="module")
def version(exported) -> Path:
    return exported[2]


@pytest.fixture(scope="module")
def loaded(version):
    return tf.saved_model.load(str(version))


def contract(version: Path) -> dict:
    return json.loads((version / "assets" / "contract.json").read_text())


@pytest.fixture(scope="module")
def chosen(backend, version, loaded):
    choice, network = backend[0].choose(
        runtimes.ONNX_RUNTIME, loaded, str(version), contract(version), 1
    )
    return choice, network


def test_every_answer_is_that_of_the_savedmodel(backend, chosen, loaded):
    choice, network = chosen
    assert choice.runtime == runtimes.ONNX_RUNTIME and not choice.is_failure
    assert 0 <= choice.largest_difference < 1e-5
    images = [*backend[0].drawn(32), encoded(), encoded()[:-200], encoded(form="PNG"), b""]
    batch = np.array(images, object)
    expected = loaded.signatures["serving_default"](image_bytes=tf.constant(batch))
    found = network.run(batch)
    assert set(found) == set(expected)
    assert found["valid"].sum() == len(images) - 3
    for name, values in expected.items():
        if values.dtype.is_floating:
            np.testing.assert_allclose(found[name], values, atol=1e-5)
        else:
            np.testing.assert_array_equal(found[name], values)
    alone = network.run(batch[:1])
    np.testing.assert_allclose(alone["probabilities"], found["probabilities"][:1], atol=1e-6)


@pytest.mark.parametrize(("own_ms", "quick"), [(30.0, True), (5.0, False)])
def test_the_quicker_one_of_a_trial_serves(backend, version, loaded, monkeypatch, own_ms, quick):
    times = iter([own_ms, 10.0, 20.0])
    monkeypatch.setattr(backend[0], "_median_ms", lambda run: run() and next(times))
    monkeypatch.setattr(backend[0].os, "sched_getaffinity", lambda _: range(8))
    choice, network = backend[0].choose(runtimes.AUTO, loaded, str(version), contract(version), 2)
    assert choice.trial_ms == {"tensorflow": own_ms, "onnxruntime": 10.0}
    assert (network is not None) == quick
    assert choice.runtime == (runtimes.ONNX_RUNTIME if quick else runtimes.TENSORFLOW)
    assert choice.threads == (4 if quick else 0)
    assert not choice.is_failure


def test_tensorflow_can_be_forced(backend, version, loaded):
    choice, network = backend[0].choose(runtimes.TENSORFLOW, loaded, str(version), {}, 1)
    assert network is None
    assert choice.sentence(3) == (
        "The network of version 3 runs in TensorFlow: --runtime tensorflow was given."
    )


@pytest.fixture
def copied(version, tmp_path) -> Path:
    folder = tmp_path / "1"
    shutil.copytree(version, folder)
    return folder


def refused(backend, loaded, folder: Path) -> str:
    """Requires that TensorFlow serves, loudly, and that nothing does where ONNX Runtime is wanted."""
    about = (loaded, str(folder), contract(folder), 1)
    choice, network = backend[0].choose(runtimes.AUTO, *about)
    assert network is None and choice.runtime == runtimes.TENSORFLOW and choice.is_failure
    assert choice.sentence(1).startswith(
        "Warning: the network of version 1 runs in TensorFlow, not"
    )
    with pytest.raises(backend[2].UnusableError):
        backend[0].choose(runtimes.ONNX_RUNTIME, *about)
    return choice.reason


def test_a_planted_fault_is_found_by_the_answers(backend, copied, loaded):
    planted.fault(copied)
    reason = refused(backend, loaded, copied)
    assert reason.startswith("its answers differ from those of the SavedModel by 0.")
    assert reason.endswith("; 0.0001 is allowed")


def test_another_file_is_found_by_its_digest(backend, copied, loaded):
    path = copied / backend[2].PATH
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "is not the file that contract.json names" in refused(backend, loaded, copied)


def test_what_is_no_network_of_this_model_is_refused(backend, exported, copied, loaded):
    other = exported[1]
    shutil.copy(other / backend[2].PATH, copied / backend[2].PATH)
    described = contract(copied) | {"network": contract(other)["network"]}
    (copied / "assets" / "contract.json").write_text(json.dumps(described))
    # Two classes for three.
    assert "its answers differ" in refused(backend, loaded, copied)


def test_an_output_that_is_not_there_cannot_be_compared(backend, copied, loaded):
    described = contract(copied)
    described["network"]["compared"] = "label"
    (copied / "assets" / "contract.json").write_text(json.dumps(described))
    assert (
        "names 'label'"
        in backend[0].choose(runtimes.AUTO, loaded, str(copied), described, 1)[0].reason
    )


def test_a_version_without_network_is_served_by_tensorflow_without_a_warning(backend, loaded):
    choice, _ = backend[0].choose(runtimes.AUTO, loaded, "/nowhere", {}, 1)
    assert choice.runtime == runtimes.TENSORFLOW and not choice.is_failure
    assert choice.reason.startswith("the version has no network for it")


def test_a_savedmodel_without_stages_is_served_by_tensorflow(backend, version):
    choice, network = backend[0].choose(
        runtimes.AUTO, tf.Module(), str(version), contract(version), 1
    )
    assert network is None and "has no function stage_pixels" in choice.reason


def test_choices_are_read_back_and_broken_ones_left_out(tmp_path):
    trial = {"tensorflow": 31.25, "onnxruntime": 10.5}
    choice = runtimes.Choice("onnxruntime", 2, "it was quicker in the trial", trial_ms=trial)
    choice.write(str(tmp_path / "7"), "digits_0_0")
    (tmp_path / "7" / "digits_0_1.json").write_text(
        '{"runtime": "magic", "threads": 1, "reason": ""}'
    )
    (tmp_path / "7" / "digits_0_2.json").write_text('{"threads"')
    (tmp_path / "7" / "digits_0_3.json").write_text("[" * 60_000)
    assert runtimes.read(tmp_path / "7") == [choice]
    assert runtimes.read(tmp_path / "8") == []
    assert choice.sentence(5) == (
        "The network of version 5 runs in ONNX Runtime with 2 threads: it was quicker in the trial"
        " (a batch of 8: ONNX Runtime 10.5 ms, TensorFlow 31.25 ms)."
    )
