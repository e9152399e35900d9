"""A real model server, started as a user starts it, and helpers to send requests to it."""

import importlib.util
import os
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import checkout, process_tree
from serving.client import client, transport
from tests.data.pictures import noise, saved

TIMEOUT_S = 240
TOKEN = "Right-token_0123456789.~+/="  # noqa: S105
HOSTILE = "<img src=x onerror=\"document.title='hostile'\"><b>bold</b>"
MOST_BYTES = 400_000
# Limits of the open server for one request; the parity images are within both.
OPEN_PIXELS = 10_000_000
OPEN_BYTES = 800_000
RECORD = "recorded.jsonl"
OPEN, GUARDED = "the open server", "the server with a token"


def encoded(height: int = 40, width: int = 60, seed: int = 0, form: str = "JPEG") -> bytes:
    return saved(noise(height, width, seed), form)


needs_triton = pytest.mark.skipif(
    importlib.util.find_spec("pytriton") is None, reason="nvidia-pytriton is not installed"
)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.1)


class Server(checkout.ModelServer):
    """A model server, see ``ModelServer``, with helpers to examine it.

    Args:
      folder: the model's folder.
      flags: flags of the command.
      descriptors: its soft and hard limit of file descriptors; None: those of the tests.
      environment: variables in addition to those of the tests.
    """

    def __init__(
        self,
        folder: Path,
        *flags: str,
        descriptors: tuple[int, int] | None = None,
        **environment: str,
    ) -> None:
        def limit(pid: int) -> None:
            if descriptors is not None:
                resource.prlimit(pid, resource.RLIMIT_NOFILE, descriptors)

        super().__init__(folder, *flags, limit_s=TIMEOUT_S, prepare=limit, **environment)
        self.folder = folder

    def log_path(self) -> Path:
        """Returns the path of Triton's log."""
        line = next(line for line in self.output().splitlines() if line.startswith("log "))
        return Path(line.partition(" ")[2].strip())

    def triton(self, model: str | None = None) -> client.Client:
        """Sends a request to Triton itself, bypassing the gateway."""
        path = self.address["triton"].removeprefix("unix:")
        return client.Client("http://triton", model, send=transport.HttpTransport(path))

    def workers(self) -> list[int]:
        """Returns the processes that run the model."""
        names = {child: Path(f"/proc/{child}/cmdline").read_text() for child in self.children()}
        return [child for child, name in names.items() if "python_backend_stub" in name]

    def children(self) -> list[int]:
        """Returns all descendant processes of the server."""
        return process_tree.below(self.process.pid)

    def cpu_s(self) -> float:
        """Returns the CPU time of the supervising process, which includes the gateway."""
        status = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(status[11]) + int(status[12])) / os.sysconf("SC_CLK_TCK")

    def memory_mb(self) -> float:
        """Returns the memory of the supervising process, which includes the gateway."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 1e6
