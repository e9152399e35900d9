"""Load on a model server: as many clients as are busy at once, or arrivals at a fixed rate.

Clients of the first kind wait for their answers, so a slow server gets fewer requests and the waiting is not seen:
they measure throughput. Arrivals at a fixed rate do not wait, and the time of an answer counts from the moment at
which its request should have been sent ("coordinated omission" otherwise).
"""

import asyncio
import base64
import collections
import json
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import raw_http
from serving.client import protocol

WARM_UP_S = 2
# More connections than a server within its means ever needs, fewer than it accepts.
_CONNECTIONS = 200
_LATE_S = 30

# Builds the path, the body and the headers of a request for one image.
Form = Callable[[bytes], tuple[str, bytes, dict[str, str]]]


def binary(image: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Builds a request in Triton's binary protocol."""
    return "/v2/models/bench/infer", *protocol.request("image_bytes", [image], [], {})


def rest(image: bytes) -> tuple[str, bytes, dict[str, str]]:
    """Builds a request of TensorFlow Serving's REST API."""
    body = json.dumps({"instances": [{"b64": base64.b64encode(image).decode()}]})
    return "/v1/models/bench:predict", body.encode(), {"Content-Type": "application/json"}


# By their names in the address file.
PATHS: dict[str, Form] = {"http": binary, "rest": rest}


def written(form: Form, images: list[bytes], folder_path: Path) -> list[Path]:
    """Writes the requests as files for the wrk script."""
    folder_path.mkdir()
    paths = []
    for number, image in enumerate(images):
        path, body, headers = form(image)
        lines = [path, *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        paths.append(folder_path / f"{number:03d}")
        paths[-1].write_bytes("\n".join(lines).encode() + body)
    return paths


def clients(url: str, forms: list[Path], count: int, seconds: float) -> dict[str, float]:
    """Runs wrk with so many clients and returns its figures.

    Raises:
      SystemExit: a request failed.
    """
    script = Path(__file__).with_name("serving.lua")
    command = ["wrk", "-t1", f"-c{count}", f"-d{seconds:.0f}s", "--timeout", "60s"]
    command += ["-s", str(script), url, "--", *map(str, forms)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    if found["failed"]:
        raise SystemExit(f"{found['failed']} requests to {url} failed.")
    return {
        "requests": found["requests"],
        "images_per_s": found["requests"] / found["seconds"],
        "p50_ms": found["p50_ms"],
        "p99_ms": found["p99_ms"],
    }


@dataclass(frozen=True)
class Arrivals:
    """What became of requests that arrived at a fixed rate.

    Attributes:
      rate: requests per second.
      latencies_ms: from the scheduled arrival to the answer, in the order of arrival.
      failures: how many requests were not answered with 200, by what happened instead.
    """

    rate: float
    latencies_ms: np.ndarray
    failures: dict[str, int]

    @property
    def failed(self) -> int:
        """Returns how many failed."""
        return sum(self.failures.values())

    def percentile_ms(self, percent: float) -> float:
        """Returns a percentile of the latencies, infinite if none was answered."""
        if not len(self.latencies_ms):
            return float("inf")
        return float(np.percentile(self.latencies_ms, percent))

    def is_held(self, alone_ms: float) -> bool:
        """Returns whether the server keeps up: nothing fails, and waiting does not grow.

        Args:
          alone_ms: the median latency of one client.
        """
        third = len(self.latencies_ms) // 3
        if self.failed or not third:
            return False
        first, last = self.latencies_ms[:third], self.latencies_ms[-third:]
        return float(np.median(last)) <= 2 * float(np.median(first)) + alone_ms

    def result(self) -> dict[str, Any]:
        """Returns its figures for the line of JSON."""
        return {
            "rate": round(self.rate, 1),
            "requests": len(self.latencies_ms) + self.failed,
            "failed": self.failed,
            **({"failures": self.failures} if self.failures else {}),
            **{f"p{percent}_ms": round(self.percentile_ms(percent), 1) for percent in (50, 99)},
        }


def arrivals(url: str, form: Form, images: list[bytes], rate: float, seconds: float) -> Arrivals:
    """Sends requests at a fixed rate, whatever becomes of those before, and waits for the answers."""
    requests = []
    for image in images:
        path, body, headers = form(image)
        requests.append(raw_http.request("POST", path, headers, body, len(body)))
    return asyncio.run(_Schedule(url, requests, rate).run(seconds))


class _Schedule:
    def __init__(self, url: str, requests: list[bytes], rate: float) -> None:
        where = urllib.parse.urlsplit(url)
        self._where = (where.hostname, where.port)
        self._requests, self._rate = requests, rate
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._latencies_ms: dict[int, float] = {}
        self._failures: collections.Counter[str] = collections.Counter()
        self._connections = asyncio.Semaphore(_CONNECTIONS)

    async def run(self, seconds: float) -> Arrivals:
        count = max(1, round(self._rate * seconds))
        start_s = time.perf_counter()
        tasks = []
        for number in range(count):
            due_s = start_s + number / self._rate
            await asyncio.sleep(max(0.0, due_s - time.perf_counter()))
            tasks.append(asyncio.ensure_future(self._one(number, due_s)))
        await asyncio.wait(tasks, timeout=_LATE_S)
        for task in tasks:
            if task.cancel():
                self._failures[f"no answer within {_LATE_S} s of the last arrival"] += 1
        await asyncio.gather(*tasks, return_exceptions=True)
        for _, writer in self._idle:
            writer.close()
        latencies = [ms for _, ms in sorted(self._latencies_ms.items())]
        return Arrivals(self._rate, np.array(latencies), dict(self._failures))

    async def _one(self, number: int, due_s: float) -> None:
        try:
            await self._ask(number, due_s)
        except (OSError, EOFError) as error:
            self._failures[type(error).__name__] += 1

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                return reader, writer
            writer.close()  # the server closes what is idle for long
        return await asyncio.open_connection(*self._where)

    async def _ask(self, number: int, due_s: float) -> None:
        async with self._connections:
            reader, writer = await self._connection()
            writer.write(self._requests[number % len(self._requests)])
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            if head.startswith(b"http/1.1 200"):
                self._latencies_ms[number] = 1000 * (time.perf_counter() - due_s)
            else:
                self._failures[f"status {head[9:12].decode()}"] += 1
            self._idle.append((reader, writer))
