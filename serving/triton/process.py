"""The Triton server as a child process: start, watch, stop."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from serving import errors
from serving.triton import installation, repository

# Requests in flight when the server is told to stop are answered first. Triton also waits for
# every connection that a client keeps open, used or not: so no longer than any request takes.
EXIT_TIMEOUT_S = 20
_KILL_AFTER_S = EXIT_TIMEOUT_S + 20
_LOOK_S = 0.1
# What Triton logs when nothing is in flight any more. What it does from there on, taking
# TensorFlow apart in order, takes seconds, and never ends where a worker has died.
_DRAINED = b"All models are stopped"
_TAIL_LINES = 8
_PR_SET_PDEATHSIG = 1
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Addresses:
    """Where a server listens.

    Triton's own REST, at ``triton_port``, is for the doors: it is on this machine alone. Its gRPC
    checks no more than that, so it has an address of its own.
    """

    host: str
    grpc_host: str
    metrics_host: str
    http_port: int
    grpc_port: int
    metrics_port: int
    rest_port: int
    triton_port: int

    @property
    def http(self) -> str:
        """REST: the URL."""
        return f"http://{_bracketed(self.host)}:{self.http_port}"

    @property
    def rest(self) -> str:
        """TensorFlow Serving's REST: the URL."""
        return f"http://{_bracketed(self.host)}:{self.rest_port}"

    @property
    def triton(self) -> str:
        """Triton's own REST: the URL."""
        return f"http://{LOOPBACK}:{self.triton_port}"

    @property
    def grpc(self) -> str:
        """gRPC: host and port."""
        return f"{_bracketed(self.grpc_host)}:{self.grpc_port}"

    @property
    def metrics(self) -> str:
        """Prometheus: the URL."""
        return f"http://{_bracketed(self.metrics_host)}:{self.metrics_port}/metrics"


def addresses(
    host: str,
    http: int,
    grpc: int | None,
    metrics: int | None,
    rest: int | None,
    grpc_host: str = LOOPBACK,
    metrics_host: str | None = None,
) -> Addresses:
    """Chooses the ports.

    Args:
      host: the address to listen on.
      http: the REST port; 0: a free one.
      grpc: likewise; None: the one after ``http``, or a free one.
      metrics: likewise; None: the second after ``http``, or a free one.
      rest: likewise; None: 501 after ``http``, such as TensorFlow Serving's 8501.
      grpc_host: the address to listen on for gRPC.
      metrics_host: likewise for metrics; None: ``host``.

    Raises:
      errors.UserError: a port is taken or not allowed, or the host is none of this machine's.
    """
    around = metrics_host or host
    wanted = {
        "--port": (host, http),
        "--grpc-port": (grpc_host, grpc if grpc is not None else http and http + 1),
        "--metrics-port": (around, metrics if metrics is not None else http and http + 2),
        "--rest-port": (host, rest if rest is not None else http and http + 501),
    }
    with contextlib.ExitStack() as held:
        ports = [_bind(*address, flag, held) for flag, address in wanted.items()]
        ports.append(_bind(LOOPBACK, 0, "--host", held))
    return Addresses(host, grpc_host, around, *ports)


def _bind(host: str, port: int, flag: str, held: contextlib.ExitStack) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    probe = held.enter_context(socket.socket(family))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((host, port))
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise errors.UserError(
            f"Cannot listen on {host}, port {port} ({reason}); choose another with {flag},"
            " or --port 0 for free ones."
        ) from error
    return int(probe.getsockname()[1])


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class TritonProcess:
    """A running server.

    Args:
      triton: the installation.
      folders: what it serves.
      where: where it listens.
      log_path: the file for its output.
    """

    def __init__(
        self,
        triton: installation.Installation,
        folders: repository.Repository,
        where: Addresses,
        log_path: Path,
    ) -> None:
        self.log_path = log_path
        self._where = where
        self._shared_memory = f"serving-{os.getpid()}-{where.triton_port}-"
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [str(triton.binary), *_options(folders, where, self._shared_memory)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=triton.environment(),
                # Ctrl-C reaches every process of the terminal; the server is stopped in order.
                start_new_session=True,
                preexec_fn=_die_with_parent,
            )

    def check(self) -> None:
        """Raises where the server has died.

        Raises:
          errors.ServerError: with its last words.
        """
        code = self._process.poll()
        if code is not None:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise errors.ServerError(
                f"The Triton server ended {how}; the last lines of {self.log_path}:\n{self.tail()}"
            )

    def listening(self) -> bool:
        """Whether somebody answers at its REST port."""
        try:
            with socket.create_connection((LOOPBACK, self._where.triton_port), timeout=1):
                return True
        except OSError:
            return False

    def dead_workers(self) -> set[int]:
        """The ids of the worker processes that have died and were not cleared away."""
        children = [
            child
            for path in Path(f"/proc/{self._process.pid}/task").glob("*/children")
            for child in path.read_text().split()
        ]
        return {int(child) for child in children if _is_dead(child)}

    def tail(self) -> str:
        """The last lines of the log."""
        lines = self.log_path.read_text(errors="replace").splitlines()
        telling = [line for line in lines if line.strip() and line[0] not in "+|"]
        return "\n".join(f"  {line[:300]}" for line in telling[-_TAIL_LINES:])

    def stop(self) -> None:
        """Lets the server finish what it has begun, then ends it and all it started."""
        with self.log_path.open("rb") as log:
            log.seek(0, os.SEEK_END)
            deadline = time.monotonic() + _KILL_AFTER_S
            self._process.terminate()
            said = b""
            while self._process.poll() is None and time.monotonic() < deadline:
                said += log.read()
                if _DRAINED in said:
                    break
                time.sleep(_LOOK_S)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for path in Path("/dev/shm").glob(f"{self._shared_memory}*"):  # noqa: S108
            path.unlink(missing_ok=True)


def _options(folders: repository.Repository, where: Addresses, memory: str) -> Sequence[str]:
    options = {
        "model-repository": folders.models,
        "backend-directory": folders.backends,
        "model-control-mode": "poll",
        "repository-poll-secs": 1,
        # A version that does not load is reported; it does not end the server.
        "exit-on-error": "false",
        "strict-readiness": "false",
        "exit-timeout-secs": EXIT_TIMEOUT_S,
        "http-address": LOOPBACK,
        "http-port": where.triton_port,
        "grpc-address": where.grpc_host,
        "grpc-port": where.grpc_port,
        "metrics-address": where.metrics_host,
        "metrics-port": where.metrics_port,
        "allow-gpu-metrics": "false",
        "pinned-memory-pool-byte-size": 0,
    }
    backend = {"shm-region-prefix-name": memory, "stub-timeout-seconds": 300}
    return [
        # Else every load starts a Python process more, to ask what the configuration has.
        "--disable-auto-complete-config",
        *(f"--{name}={value}" for name, value in options.items()),
        *(f"--backend-config=python,{name}={value}" for name, value in backend.items()),
    ]


def _is_dead(process_id: str) -> bool:
    """Whether a process is a zombie. Source: proc(5), /proc/pid/stat."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] == "Z"


def _die_with_parent() -> None:
    """In the child: the server is told to stop even where this process is killed."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
