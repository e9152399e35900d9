import os
import subprocess
import sys
import tempfile

import pytest

from benchmarks import process_tree
from components.release_gate.parity import server_process, server_stage
from data import fresh_process
from tests import processes
from tests.models import needs_server

# It stands in for the server's process alone: writes its address and waits to be ended.
STAND_IN = """
import json, os, pathlib, subprocess, sys
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
model = pathlib.Path(options["--model-dir"])
assert (model / "1" / "saved_model.pb").is_file(), "no model"
assert options["--parent"] == str(os.getppid())
child = subprocess.Popen(["sleep", "600"])
address = {"http": "http://127.0.0.1:1/", "grpc": "", "model": f"{child.pid}"}
pathlib.Path(options["--address-file"]).write_text(json.dumps(address))
print("waiting", flush=True)
child.wait()
"""

# Starts a server as a step does, and waits.
PARENT = """
import pathlib, sys
from components.release_gate.parity import server_process
with server_process.running(pathlib.Path(sys.argv[1])):
    print("running", flush=True)
    sys.stdin.read()
"""


def command(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.fixture
def model_dir(tmp_path):
    (tmp_path / "model" / "assets").mkdir(parents=True)
    (tmp_path / "model" / "saved_model.pb").write_bytes(b"")
    return tmp_path / "model"


def test_a_server_is_started_on_the_candidate_and_nothing_of_it_stays(model_dir):
    with server_process.running(model_dir, 30, command(STAND_IN)) as address:
        assert address.http == "127.0.0.1:1"
        child = int(address.model)
        assert processes.alive(child)
    assert processes.ends(child)


def test_a_server_that_ignores_sigterm_is_killed(model_dir, monkeypatch):
    monkeypatch.setattr(server_process, "STOP_LIMIT_S", 0.2)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAND_IN
    with server_process.running(model_dir, 30, command(deaf)) as address:
        child = int(address.model)
    assert processes.ends(child)


def test_a_server_that_dies_early_is_an_error_with_its_last_lines(model_dir):
    dying = "import sys; print('port 8000 is taken'); sys.exit(3)"
    with (
        pytest.raises(server_process.ServerError) as caught,
        server_process.running(model_dir, 30, command(dying)),
    ):
        pass
    assert str(caught.value) == (
        "The server ended with 3 before it answered. Its last lines:\n  port 8000 is taken"
    )


def test_what_a_server_leaves_after_a_failure_goes_too(model_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    leaving = """
import pathlib, sys, tempfile
folder = pathlib.Path(tempfile.mkdtemp(prefix="serving-"))
(folder / "triton.log").write_text("why")
sys.exit(f"Failed: It does not load. The log is {folder / 'triton.log'}")
"""
    with (
        pytest.raises(server_process.ServerError, match=r"Failed: It does not load\.$"),
        server_process.running(model_dir, 30, command(leaving)),
    ):
        pass
    assert not list((tmp_path / "temporary").iterdir())


def test_a_server_that_never_answers_is_an_error(model_dir):
    sleeping = "import time; print('loading', flush=True); time.sleep(600)"
    with (
        pytest.raises(server_process.ServerError, match=r"not started within 1 s\.[\s\S]*loading"),
        server_process.running(model_dir, 1, command(sleeping)),
    ):
        pass


def test_a_server_that_does_not_listen_is_an_error(model_dir):
    with (
        pytest.raises(server_process.ServerError, match=r"answered with an error[\s\S]*waiting"),
        server_process.running(model_dir, 30, command(STAND_IN)) as address,
        server_stage.asked(address, 5),
    ):
        pass


def test_without_the_libraries_it_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(server_process, "LIBRARIES", ("pytriton", "no_such_library"))
    assert server_process.missing() == "no_such_library not installed (extra [serve])"


@pytest.mark.landing
@needs_server
def test_the_real_server_ends_with_a_parent_that_is_killed(right, tmp_path):
    parent = subprocess.Popen(
        [*command(PARENT), str(right.saved_model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=fresh_process.ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
    )
    with parent:
        assert parent.stdout.readline() == b"running\n"
        started = process_tree.below(parent.pid)
        assert len(started) >= 3  # the server, Triton, a worker
        parent.kill()
    assert all(processes.ends(pid) for pid in started)
    assert not list(tmp_path.glob("*/serving-*"))
