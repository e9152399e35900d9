"""Requests that are few, and want as much of a server as they can get: one is to stop it for all."""

import base64
import contextlib
import gzip
import io
import json
import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import brotli
from PIL import Image

from benchmarks import health, raw_http

CONNECTIONS = 1400
READERS = 40
TIMEOUT_S = 90.0
_HOLD_S = 12.0
_PNG_SIDE_PX = 10_000
_PNGS = 12


class Target:
    """A server.

    Args:
      address: as its address file has it.
      model: its name.
    """

    def __init__(self, address: dict[str, str], model: str) -> None:
        self._address = address
        self.predict = f"/v1/models/{model}:predict"

    def place(self, api: str) -> tuple[str, int]:
        """Returns host and port of an API."""
        host, _, port = self._address[api].partition("://")[2].rpartition(":")
        return host, int(port)

    def urls(self) -> list[str]:
        """Returns the addresses of both APIs."""
        return [self._address[api] for api in ("http", "rest")]

    def post(self, api: str, path: str, body: bytes, headers: dict[str, str]) -> int:
        """The status of an answer; 0: closed without; -1: none in time."""
        headers = {**headers, "Connection": "close"}  # a chunked answer ends there
        wire = raw_http.request("POST", path, headers, body, len(body))
        return raw_http.send(*self.place(api), wire, False, TIMEOUT_S).status

    @contextlib.contextmanager
    def opened(self, count: int, wire: bytes) -> Iterator[int]:
        """So many connections on which so much was sent; how many the server took."""
        with contextlib.ExitStack() as stack:
            taken = 0
            for number in range(count):
                api = ("http", "rest")[number % 2]
                with contextlib.suppress(OSError):
                    one = stack.enter_context(socket.create_connection(self.place(api), 5))
                    one.sendall(wire)
                    taken += 1
            yield taken


def brotli_bomb(target: Target) -> Counter[int]:
    """Less than a megabyte of brotli that is 4 GB, to both APIs."""
    packer = brotli.Compressor(quality=1)
    parts = [packer.process(bytes(1 << 26)) for _ in range(64)]
    bomb = b"".join([*parts, packer.finish()])
    headers = {"Content-Encoding": "br"}
    apis = ("http", "rest") * 2
    return Counter(target.post(api, "/page/predict", bomb, headers) for api in apis)


def gzip_bomb(target: Target) -> Counter[int]:
    """1 GB of zeros in a megabyte."""
    headers = {"Content-Encoding": "gzip"}
    bomb = gzip.compress(bytes(1 << 30), 9)
    return Counter(target.post("rest", target.predict, bomb, headers) for _ in range(4))


def pixels(target: Target) -> Counter[int]:
    """Twelve PNGs of 10,000 × 10,000 in one request."""
    buffer = io.BytesIO()
    Image.new("RGB", (_PNG_SIDE_PX, _PNG_SIDE_PX)).save(buffer, "PNG")
    one = {"b64": base64.b64encode(buffer.getvalue()).decode()}
    body = json.dumps({"instances": [one] * _PNGS}).encode()
    return Counter([target.post("rest", target.predict, body, {})])


def idle_connections(target: Target) -> Counter[str]:
    """More connections than a process may have by default, without a byte."""
    with target.opened(CONNECTIONS, b"") as taken:
        time.sleep(_HOLD_S)
    return Counter({"open": taken})


def slow_heads(target: Target) -> Counter[str]:
    """As many, each in the middle of a header."""
    with target.opened(CONNECTIONS, b"GET / HTTP/1.1\r\nX: ") as taken:
        time.sleep(_HOLD_S)
    return Counter({"open": taken})


def _explain() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    one = {"b64": base64.b64encode(buffer.getvalue()).decode()}
    return json.dumps({"signature_name": "explain", "instances": [one] * 120}).encode()


def large_answers(target: Target) -> Counter[int]:
    """Heat maps for 120 and for 240 tiny images."""
    body = json.loads(_explain())
    twice = json.dumps({**body, "instances": body["instances"] * 2}).encode()
    return Counter(target.post("rest", target.predict, one, {}) for one in (_explain(), twice))


def slow_readers(target: Target) -> Counter[str]:
    """Clients that ask for large answers and do not read them."""
    body = _explain()
    wire = raw_http.request("POST", target.predict, {}, body, len(body))
    with target.opened(READERS, wire) as taken:
        time.sleep(3 * _HOLD_S)
    return Counter({"open": taken})


ATTACKS: tuple[Callable[[Target], Counter[Any]], ...] = (
    brotli_bomb,
    gzip_bomb,
    pixels,
    idle_connections,
    slow_heads,
    large_answers,
    slow_readers,
)


def memory_mb(process_id: int) -> float:
    """Resident MB of a process; 0 where it has ended."""
    try:
        fields = Path(f"/proc/{process_id}/statm").read_text().split()
    except OSError:
        return 0.0
    return round(int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6, 1)


def _peak_reset(process_id: int) -> None:
    with contextlib.suppress(OSError):
        Path(f"/proc/{process_id}/clear_refs").write_text("5")


def peak_mb(process_id: int) -> float:
    """The largest resident MB of a process since its peak was reset; 0 where it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return round(int(line.split()[1]) / 1e3, 1)
    return 0.0


def run(target: Target, process_id: int) -> list[dict[str, Any]]:
    """Runs every attack in turn, with health asked for all the time.

    Args:
      target: the server.
      process_id: its supervising process, which has the gateway in it.

    Returns:
      For each the answers, the seconds until they came, the worst seconds of health and its
      answers, and MB before, at most and afterwards.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4 * CONNECTIONS)), hard))
    found = []
    for attack in ATTACKS:
        before = memory_mb(process_id)
        _peak_reset(process_id)
        with health.Health(target.urls()) as asked:
            start = time.monotonic()
            answers = attack(target)
            seconds = time.monotonic() - start
            time.sleep(1)
        found.append(
            {
                "attack": attack.__name__,
                "answers": {str(key): count for key, count in answers.items()},
                "seconds": round(seconds, 1),
                "worst_health_s": round(asked.worst_s, 2),
                "health": {str(key): count for key, count in asked.statuses.items()},
                "mb": [before, peak_mb(process_id), memory_mb(process_id)],
            }
        )
        print(_row(found[-1]), flush=True)
    return found


def _row(one: dict[str, Any]) -> str:
    before, most, after = one["mb"]
    return (
        f"{one['attack']:18} {one['answers']!s:24} {one['seconds']:6.1f} s, health"
        f" {one['worst_health_s']:5.2f} s {one['health']}, {before:.0f} → {most:.0f} → {after:.0f} MB"
    )
