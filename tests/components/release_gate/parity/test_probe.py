import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from components.release_gate.parity import probe
from data import fresh_process
from tasks import task

pytestmark = pytest.mark.xdist_group("one server")


def test_what_it_costs_is_measured(asked, right):
    measured = asked.found.measured
    extra = right.saved_model / "assets.extra"
    every = [path for path in right.saved_model.rglob("*") if path.is_file()]
    files = [path for path in every if extra not in path.parents]
    assert measured.model_mib * 2**20 == sum(len(path.read_bytes()) for path in files)
    assert 0 < measured.p50_ms <= measured.p99_ms
    assert measured.load_s > 0
    assert measured.requests > 3
    assert 100 < measured.memory_mib < 4000


def test_peak_memory_is_not_that_of_the_process_that_started_it():
    held = np.ones(300 * 2**20, np.uint8)
    code = "from components.release_gate.parity import probe; print(probe._peak_memory_mib())"
    stubs = "import sys; sys.modules['tensorflow'] = sys; "
    done = subprocess.run(
        [sys.executable, "-c", stubs + code],
        cwd=fresh_process.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) < held.nbytes / 2**20


def test_a_model_that_does_not_load_is_an_error_with_its_last_lines(tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(b"junk")
    with pytest.raises(probe.ProbeError, match=r"cannot run in a fresh process") as caught:
        probe.ask(tmp_path, [b""], [b""], task.load(task.DEFAULT).compare)
    assert str(tmp_path) in str(caught.value)
    assert "Cannot parse file" in str(caught.value)


def test_a_process_that_takes_too_long_is_ended(right):
    with pytest.raises(probe.ProbeError, match=r"it took more than 0\.5 s"):
        probe.ask(
            right.saved_model, [b""], [b""], task.load(task.DEFAULT).compare, time_limit_s=0.5
        )


def test_a_missing_signature_or_output_is_named(right):
    signatures = tf.saved_model.load(str(right.saved_model)).signatures
    model = dataclasses.make_dataclass("Model", ["signatures"])(signatures)
    with pytest.raises(SystemExit, match=r"no signature 'ask'; it has \['embed'"):
        probe._signature(model, "ask", ["label"])
    with pytest.raises(SystemExit, match=r"'embed' has no output \['label', 'probabilities'\]"):
        probe._signature(model, "embed", ["probabilities", "valid", "label"])


def test_bytes_keep_their_zeros():
    values = [b"\0a\0", b"", b"\0\0"]
    assert probe._unpacked(probe._packed("x", values), "x") == values
    assert probe._unpacked(probe._packed("x", [b"", b""]), "x") == [b"", b""]
