"""The Triton server as a child process: starts, watches and stops it."""

import contextlib
import os
import signal
import subprocess
import time
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from serving import errors, working_folder
from serving.gateway import addresses
from serving.triton import confinement, installation, repository

# Requests in flight when the server is stopped are answered first. Triton also waits for every
# connection that a client keeps open, used or not: so it waits no longer than any request takes.
EXIT_TIMEOUT_S = 20
_KILL_AFTER_S = EXIT_TIMEOUT_S + 20
_LOOK_S = 0.1
# Triton logs this when no request is in flight any more. The rest of its shutdown, unloading
# TensorFlow, takes seconds, and never ends if a worker has died.
_DRAINED = b"All models are stopped"
_TAIL_LINES = 8
_ZOMBIE, _STOPPED = "Z", "T"
# Triton's own sockets in its folder. It appends a port to the path of gRPC's.
LOG = "triton.log"
REST_SOCKET = "rest.sock"
_GRPC_SOCKET, _GRPC_SOCKET_PORT = "grpc.sock", 1
# Groups of requests that change the server, or make it map memory. Triton restricts a group by a
# header that it then requires. HTTP/2 has no capitals in header names: no gRPC client can send this
# one. Only the gateway can reach Triton's REST.
_ADMINISTRATION = {
    "http-restricted-api": "shared-memory,trace,logging",
    "grpc-restricted-protocol": "shared-memory,model-repository,trace,logging",
}
_NOBODY_S_HEADER = "Closed=closed"


class TritonProcess:
    """A running Triton server.

    Its working folder is ``root``, and all paths passed to it are relative to it: Triton passes
    paths to a shell, which must not receive the value of TMPDIR.

    Args:
      triton: the installation.
      folders: the model repository, below ``root``.
      where: the addresses to listen on.
      root: the server's temporary folder.
    """

    def __init__(
        self,
        triton: installation.Installation,
        folders: repository.Repository,
        where: addresses.Addresses,
        root: Path,
    ) -> None:
        self.log_path = root / LOG
        self._socket = root / REST_SOCKET
        self._memory = working_folder.shared_memory_prefix(root)
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                [str(triton.binary), *options(folders, where, root, self._memory)],
                cwd=root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=triton.environment(),
                # Ctrl-C would reach every process of the terminal; the server is stopped in order.
                start_new_session=True,
                preexec_fn=confinement.confiner(),
            )

    def check(self) -> None:
        """Raises an error if the server has died.

        Raises:
          errors.ServerError: it has died; with the last lines of its log.
        """
        code = self._process.poll()
        if code is not None:
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            raise errors.ServerError(
                f"The Triton server ended {how}; the last lines of {self.log_path}:\n{self.tail()}"
            )

    def listening(self) -> bool:
        """Returns whether its REST socket exists."""
        return self._socket.exists()

    def close_shared_memory(self) -> bool:
        """Makes the shared memory private; returns whether other users could read it until now."""
        return bool(confinement.close_regions(working_folder.SHARED_MEMORY, self._memory))

    def dead_workers(self) -> set[int]:
        """Returns the ids of the worker processes that are zombies."""
        return {worker for worker in self._workers() if _state(worker) == _ZOMBIE}

    def end_frozen_workers(self) -> None:
        """Kills workers that were stopped by a signal.

        Triton gives up a worker that does not answer for a second. If that worker continues, its
        late answer crashes Triton: the two no longer agree on whose turn it is.
        """
        for worker in self._workers():
            if _state(worker) == _STOPPED:
                _kill(worker)

    def end_worker(self, instance: str) -> None:
        """Kills the workers of an instance that Triton has given up, before they answer late.

        Args:
          instance: Triton's name of it, such as ``digits_0_0``.
        """
        for worker in self._workers():
            if instance.encode() in _command(worker):
                _kill(worker)

    def _workers(self) -> list[int]:
        """Returns the workers' ids; ignores errors (no free descriptor), since it is called often."""
        found: list[int] = []
        with contextlib.suppress(OSError):
            for path in Path(f"/proc/{self._process.pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):  # a thread that ends
                    found += [int(child) for child in path.read_text().split()]
        return found

    def tail(self) -> str:
        """Returns the last lines of the log."""
        try:
            lines = self.log_path.read_text(errors="replace").splitlines()
        except OSError as error:
            return f"  (the log cannot be read: {error.strerror})"
        telling = [line for line in lines if line.strip() and line[0] not in "+|"]
        return "\n".join(f"  {line[:300]}" for line in telling[-_TAIL_LINES:])

    def stop(self) -> None:
        """Lets the server finish its requests, then ends it and its child processes."""
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


def grpc_address(where: addresses.Addresses, root: Path) -> str:
    """Returns gRPC's address for its libraries: host and port, or the URI of a Unix socket."""
    if where.grpc_host is None:
        return f"unix:{urllib.parse.quote(str(root / _GRPC_SOCKET))}:{_GRPC_SOCKET_PORT}"
    return f"{addresses.bracketed(where.grpc_host)}:{where.grpc_port}"


def options(
    folders: repository.Repository, where: addresses.Addresses, root: Path, memory: str
) -> Sequence[str]:
    """Returns Triton's command-line options.

    Args:
      folders: the model repository, below ``root``.
      where: the addresses to listen on.
      root: its working folder.
      memory: the prefix of the names of its shared memory.
    """
    grpc = f"unix:{_GRPC_SOCKET}"
    if where.grpc_host is not None:
        grpc = addresses.bracketed(where.grpc_host)
    # Without this prefix it logs that it listens, but does not.
    family = "ipv6:" if ":" in where.metrics_host else ""
    named = {
        "model-repository": folders.models.relative_to(root),
        "backend-directory": folders.backends.relative_to(root),
        "model-control-mode": "poll",
        "repository-poll-secs": 1,
        # A version that does not load is reported and does not stop the server.
        "exit-on-error": "false",
        "strict-readiness": "false",
        "exit-timeout-secs": EXIT_TIMEOUT_S,
        "http-address": f"unix:{REST_SOCKET}",
        "grpc-address": grpc,
        "grpc-port": where.grpc_port or _GRPC_SOCKET_PORT,
        "metrics-address": f"{family}{where.metrics_host}",
        "metrics-port": where.metrics_port,
        "allow-gpu-metrics": "false",
        # If AIP_MODE is set, Triton would listen on all addresses instead of these.
        "allow-http": "true",
        "allow-grpc": "true",
        "allow-vertex-ai": "false",
        "allow-sagemaker": "false",
        "pinned-memory-pool-byte-size": 0,
        **{name: f"{groups}:{_NOBODY_S_HEADER}" for name, groups in _ADMINISTRATION.items()},
    }
    backend = {"shm-region-prefix-name": memory, "stub-timeout-seconds": 300}
    return [
        # Otherwise every load starts another Python process to complete the configuration.
        "--disable-auto-complete-config",
        *(f"--{name}={value}" for name, value in named.items()),
        *(f"--backend-config=python,{name}={value}" for name, value in backend.items()),
    ]


def _state(process_id: int) -> str:
    """Returns the letter of a process's state; empty if it is gone. Source: proc(5), stat."""
    try:
        status = Path(f"/proc/{process_id}/stat").read_text()
    except OSError:
        return ""
    return status.rpartition(")")[2].split()[0]


def _command(process_id: int) -> list[bytes]:
    try:
        return Path(f"/proc/{process_id}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _kill(process_id: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, signal.SIGKILL)
