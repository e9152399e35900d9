"""Runs Beam's job server for Flink or Spark: one for a run, where Beam would start one a step."""

import atexit
import contextlib
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from data import errors
from pipeline.beam import beam_config

START_SECONDS = 180
_STOP_SECONDS = 10


class JobServer:
    """A job server, as a context manager.

    Starts nothing for other engines, nor if the options name a server, an executable to make or
    a jar at an address: Beam handles these itself.

    Args:
      config: the engine and its options.
      log_path: the file for its output; created when there is any.

    Attributes:
      arguments: for Beam's command line.

    Raises:
      errors.PipelineError: the server does not start.
    """

    def __init__(self, config: beam_config.BeamConfig, log_path: Path) -> None:
        self.arguments = config.arguments()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_path = log_path
        command = _command(config)
        if command is None:
            return
        port = _free_port()
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [*_with_this_process(), *command, f"--job-port={port}"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(config),
                start_new_session=True,  # the run handles Ctrl-C
            )
        atexit.register(self.close)
        self._wait(config.engine, port)
        self.arguments.append(f"--job_endpoint=localhost:{port}")

    def close(self) -> None:
        """Ends the server."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        atexit.unregister(self.close)

    def _wait(self, engine: str, port: int) -> None:
        assert self._process is not None  # noqa: S101
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
                return
            time.sleep(0.1)
        code = self._process.poll()
        self.close()
        why = f"it took more than {START_SECONDS} s" if code is None else f"exit code {code}"
        raise errors.PipelineError(
            f"The job server of {engine} did not start ({why}); its output is in {self._log_path}."
        )


def _command(config: beam_config.BeamConfig) -> list[str] | None:
    """Returns the command of the engine's server without the port; None if Beam handles it."""
    if config.engine not in beam_config.JOB_SERVERS or config.option("job_endpoint") is not None:
        return None
    if any("submit_uber_jar" in one or "output_executable" in one for one in config.options):
        return None
    jar = config.option(f"{config.engine}_job_server_jar")
    jar = jar or str(beam_config.job_server_jar(config.engine) or "")
    if not os.path.isfile(jar):
        return None
    master = {"flink": "flink_master", "spark": "spark_master_url"}[config.engine]
    properties = config.option("job_server_jvm_properties")
    # Remote workers get the project from this folder, which they must see too.
    staged = config.option("artifacts_dir")
    return [
        config.option("job_server_java_launcher") or "java",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        *([properties] if properties else []),
        "-jar",
        jar,
        "--job-host=localhost",
        *([f"--artifacts-dir={staged}"] if staged else []),
        "--artifact-port=0",
        "--expansion-port=-1",  # no pipeline here has a step in Java
        f"--{master.replace('_', '-')}={config.value(master)}",
    ]


def _with_this_process() -> list[str]:
    """Has Linux end the following command with this process, even if that is killed."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM"] if setpriv else []


def _environment(config: beam_config.BeamConfig) -> dict[str, str]:
    """Returns the environment: Spark in the server's process listens on loopback only."""
    inside = (config.value("spark_master_url") or "").startswith("local")
    return {**({"SPARK_LOCAL_IP": "127.0.0.1"} if inside else {}), **os.environ}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return int(probe.getsockname()[1])
