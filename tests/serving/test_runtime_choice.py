"""ONNX Runtime serves only where it is quicker, and only with the answers of the SavedModel."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from serving.triton import runtimes
from tests import planted
from tests.serving.backend import onnx_file, runtime_choice
from tests.serving.served import encoded

pytest.importorskip("onnxruntime")
pytestmark = pytest.mark.usefixtures("graphs_as_they_are")


@pytest.fixture(scope="module")
def version(exported) -> Path:
    return exported[2]


@pytest.fixture(scope="module")
def loaded(version):
    return tf.saved_model.load(str(version))


def contract(version: Path) -> dict:
    return json.loads((version / "assets" / "contract.json").read_text())


@pytest.fixture(scope="module")
def chosen(version, loaded):
    choice, network = runtime_choice.choose(
        runtimes.ONNX_RUNTIME, loaded, str(version), contract(version), 1
    )
    return choice, network


def test_every_answer_is_that_of_the_savedmodel(chosen, loaded):
    choice, network = chosen
    assert choice.runtime == runtimes.ONNX_RUNTIME and not choice.is_failure
    assert 0 <= choice.largest_difference < 1e-5
    images = [*runtime_choice.drawn(32), encoded(), encoded()[:-200], encoded(form="PNG"), b""]
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
def test_the_quicker_one_of_a_trial_serves(version, loaded, monkeypatch, own_ms, quick):
    times = iter([own_ms, 10.0, 20.0])
    monkeypatch.setattr(runtime_choice, "_median_ms", lambda run: run() and next(times))
    monkeypatch.setattr(runtime_choice.os, "sched_getaffinity", lambda _: range(8))
    choice, network = runtime_choice.choose(
        runtimes.AUTO, loaded, str(version), contract(version), 2
    )
    assert choice.trial_ms == {"tensorflow": own_ms, "onnxruntime": 10.0}
    assert (network is not None) == quick
    assert choice.runtime == (runtimes.ONNX_RUNTIME if quick else runtimes.TENSORFLOW)
    assert choice.threads == (4 if quick else 0)
    assert not choice.is_failure


def test_tensorflow_can_be_forced(version, loaded):
    choice, network = runtime_choice.choose(runtimes.TENSORFLOW, loaded, str(version), {}, 1)
    assert network is None
    assert choice.sentence(3) == (
        "The network of version 3 runs in TensorFlow: --runtime tensorflow was given."
    )


@pytest.fixture
def copied(version, tmp_path) -> Path:
    folder = tmp_path / "1"
    shutil.copytree(version, folder)
    return folder


def refused(loaded, folder: Path) -> str:
    """Requires that TensorFlow serves, loudly, and that nothing does where ONNX Runtime is wanted."""
    about = (loaded, str(folder), contract(folder), 1)
    choice, network = runtime_choice.choose(runtimes.AUTO, *about)
    assert network is None and choice.runtime == runtimes.TENSORFLOW and choice.is_failure
    assert choice.sentence(1).startswith(
        "Warning: the network of version 1 runs in TensorFlow, not"
    )
    with pytest.raises(onnx_file.UnusableError):
        runtime_choice.choose(runtimes.ONNX_RUNTIME, *about)
    return choice.reason


def test_a_planted_fault_is_found_by_the_answers(copied, loaded):
    planted.fault(copied)
    reason = refused(loaded, copied)
    assert reason.startswith("its answers differ from those of the SavedModel by 0.")
    assert reason.endswith("; 0.0001 is allowed")


def test_another_file_is_found_by_its_digest(copied, loaded):
    path = copied / onnx_file.PATH
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert "is not the file that contract.json names" in refused(loaded, copied)


def test_what_is_no_network_of_this_model_is_refused(exported, copied, loaded):
    other = exported[1]
    shutil.copy(other / onnx_file.PATH, copied / onnx_file.PATH)
    described = contract(copied) | {"network": contract(other)["network"]}
    (copied / "assets" / "contract.json").write_text(json.dumps(described))
    # Two classes for three.
    assert "its answers differ" in refused(loaded, copied)


def test_an_output_that_is_not_there_cannot_be_compared(copied, loaded):
    described = contract(copied)
    described["network"]["compared"] = "label"
    (copied / "assets" / "contract.json").write_text(json.dumps(described))
    assert (
        "names 'label'"
        in runtime_choice.choose(runtimes.AUTO, loaded, str(copied), described, 1)[0].reason
    )


def test_a_version_without_network_is_served_by_tensorflow_without_a_warning(loaded):
    choice, _ = runtime_choice.choose(runtimes.AUTO, loaded, "/nowhere", {}, 1)
    assert choice.runtime == runtimes.TENSORFLOW and not choice.is_failure
    assert choice.reason.startswith("the version has no network for it")


def test_a_savedmodel_without_stages_is_served_by_tensorflow(version):
    choice, network = runtime_choice.choose(
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
