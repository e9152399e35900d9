"""The process around a job server; the servers themselves are in tests/clusters."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from data import errors
from pipeline.beam import beam_config, job_server
from pipeline.wiring import code_fingerprint
from tests import processes

SERVES = """
import socket, sys, time
port = next(int(a.split("=")[1]) for a in sys.argv if a.startswith("--job-port="))
print("arguments:", sys.argv[1:], flush=True)
listening = socket.create_server(("localhost", port))
time.sleep(600)
"""


def launcher(tmp_path, code: str) -> str:
    """An executable in the place of java."""
    program = tmp_path / "program.py"
    program.write_text(code)
    script = tmp_path / "java"
    script.write_text(f'#!/bin/sh\nexec python3 "{program}" "$@"\n')
    script.chmod(0o755)
    return str(script)


def flink(tmp_path, code: str, *options: str) -> beam_config.BeamConfig:
    jar = tmp_path / "job-server.jar"
    jar.touch()
    java = f"--job_server_java_launcher={launcher(tmp_path, code)}"
    given = [java, f"--flink_job_server_jar={jar}", *options]
    return beam_config.BeamConfig(engine="flink", options=given)


def test_a_run_has_one_server_and_ends_it(tmp_path):
    config = flink(tmp_path, SERVES, "--flink_master=http://host:8081")
    with contextlib.closing(job_server.JobServer(config, tmp_path / "log")) as server:
        assert server.arguments[-1].startswith("--job_endpoint=localhost:")
        process = server._process
    assert process.returncode is not None
    log = (tmp_path / "log").read_text()
    assert "'-jar'" in log
    assert "'--flink-master=http://host:8081'" in log


def test_a_server_that_does_not_start(tmp_path):
    config = flink(tmp_path, "import sys; print('no memory'); sys.exit(7)")
    with pytest.raises(
        errors.PipelineError, match=r"of flink did not start \(exit code 7\); .*log"
    ):
        job_server.JobServer(config, tmp_path / "log")
    assert (tmp_path / "log").read_text() == "no memory\n"


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="util-linux is not installed")
def test_a_server_ends_with_a_run_that_is_killed(tmp_path):
    config = flink(tmp_path, SERVES)
    code = (
        "import sys, time, pathlib; from pipeline.beam import beam_config, job_server;"
        "config = beam_config.BeamConfig.model_validate_json(sys.argv[1]);"
        "server = job_server.JobServer(config, pathlib.Path(sys.argv[2]));"
        "print(server._process.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, config.model_dump_json(), tmp_path / "log"],
        stdout=subprocess.PIPE,
        cwd=code_fingerprint.ROOT,
    ) as run:
        server = int(run.stdout.readline())
        assert b"--job-port" in Path(f"/proc/{server}/cmdline").read_bytes()
        run.kill()
    assert processes.ends(server)


@pytest.mark.parametrize(
    "config",
    [
        beam_config.BeamConfig(),
        beam_config.BeamConfig(engine="spark", options=["--job_endpoint=localhost:8099"]),
        beam_config.BeamConfig(engine="flink", options=["--flink_job_server_jar=https://a/b.jar"]),
        beam_config.BeamConfig(engine="flink", options=["--flink_submit_uber_jar"]),
    ],
)
def test_otherwise_nothing_is_started(tmp_path, config):
    with contextlib.closing(job_server.JobServer(config, tmp_path / "log")) as server:
        assert server.arguments == config.arguments()
    assert not (tmp_path / "log").exists()
