"""Sends ten thousand hostile requests to the gateway, then four times too many clients.

    python benchmarks/serving_fuzz.py [--requests N] [--seconds S] [--attacks-only]

Hypothesis generates the requests from a fixed seed: TensorFlow Serving's REST API and the Open
Inference Protocol, in JSON and in binary, malformed in every possible place, with images that are
truncated, have flipped bits, are spliced, or claim to be huge. Every 50th is a valid request that must
get the same numbers each time. A fault is a 5xx response, no response to complete HTTP, a wrong
response to a valid request, a process that died, or growing memory. Then four times as many clients as
the gateway has waiting slots send requests for some seconds: each must get a correct response, or 429
or 503 with Retry-After, and a normal request must succeed soon after.

Finally the requests of hostile_load.py, which try to exhaust the server, are sent to one with default
limits and 1,024 file descriptors: health must be answered with 200 within a second during each.
"""

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import aiohttp
import numpy as np

from benchmarks import (
    checkout,
    harness,
    hostile_images,
    hostile_load,
    hostile_requests,
    hostile_rounds,
    process_tree,
    raw_http,
    serving_load,
)
from benchmarks import serving as throughput
from serving.client import client
from serving.gateway import bounds

MODEL = "bench"
MAX_REQUEST_BYTES = 2_000_000
PROBE_EVERY = 50
TIMEOUT_S = 60.0
MEMORY_AT = (0.1, 0.5)
GROWTH = 1.2
OVERLOAD = 4
ROUNDS = 20
HEALTH_S = 1.0
DESCRIPTORS = 1024
_EXAMPLES = 20


class Watched:
    """A server and its processes, watched for deaths and memory."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.first = self.processes()

    def processes(self) -> dict[int, str]:
        """Returns process ids and their roles: the supervisor, Triton, and its workers."""
        found = {self._process.pid: "supervisor"}
        for child in process_tree.below(self._process.pid):
            name = Path(f"/proc/{child}/cmdline").read_bytes()
            found[child] = "worker" if b"python_backend_stub" in name else "triton"
        return found

    def memory_mb(self) -> dict[str, float]:
        """Returns the resident memory in MB by role."""
        sizes: dict[str, float] = defaultdict(float)
        for process_id, role in self.processes().items():
            fields = Path(f"/proc/{process_id}/statm").read_text().split()
            sizes[role] += int(fields[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
        return {role: round(size, 1) for role, size in sizes.items()}

    def died(self) -> int:
        """Counts the initial processes that have ended."""
        return len(self.first.keys() - self.processes().keys())


class Probe:
    """Valid requests whose responses must stay the same as at the start."""

    def __init__(self, address: dict[str, str]) -> None:
        self._address = address
        self._images = hostile_images.sound()[:8]
        self._client = client.Client(address["http"], MODEL, retries=client.Retries(attempts=1))
        self._expected = self._ask()
        self.asked = self.wrong = 0

    def _ask(self) -> np.ndarray:
        binary = np.array([one.probabilities for one in self._client.predict(self._images)])
        path, body, headers = serving_load.rest(self._images[0])
        host, port = _host_port(self._address["rest"])
        wire = raw_http.request("POST", path, headers, body, len(body))
        [row] = json.loads(raw_http.send(host, port, wire, False, TIMEOUT_S).body)["predictions"]
        return np.concatenate([binary, [row["probabilities"]]])

    def check(self) -> None:
        """Sends the valid requests again and compares the responses."""
        self.asked += 1
        try:
            same = np.allclose(self._ask(), self._expected, atol=1e-6)
        except Exception as error:
            print(f"A valid request failed: {error!r}", flush=True)
            same = False
        self.wrong += not same


def _host_port(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].rpartition(":")
    return host, int(port)


def fuzz(
    address: dict[str, str], count: int, tick: Callable[[int], None]
) -> tuple[dict[str, Counter[int]], list[dict[str, Any]]]:
    """Sends hostile requests.

    Args:
      address: the server's addresses.
      count: the number of requests.
      tick: called with the number of each request before it is sent.

    Returns:
      The counts of each status by protocol and kind (0: closed without one; -1: no response), and
      the faults.
    """
    images = hostile_images.mutated(hostile_images.sound() + hostile_images.odd())
    statuses: dict[str, Counter[int]] = defaultdict(Counter)
    faults: list[dict[str, Any]] = []
    apis = {hostile_requests.V1: "rest"}

    def send(kind: str, one: hostile_requests.Attempt) -> None:
        tick(sum(counter.total() for counter in statuses.values()))
        host, port = _host_port(address[apis.get(one.api, "http")])
        outcome = raw_http.send(host, port, one.wire(), one.finished, TIMEOUT_S)
        statuses[f"{one.api}: {kind}"][outcome.status] += 1
        if outcome.status >= 500 or outcome.status == -1 or not (outcome.status or one.finished):
            faults.append({"wire": repr(one.wire()[:500]), "status": outcome.status})
            print(faults[-1], outcome.body[:300], flush=True)

    by_kind = hostile_requests.kinds(images, MODEL, 2 * MAX_REQUEST_BYTES)
    hostile_rounds.run(by_kind, count, ROUNDS, send)
    return statuses, faults


async def overload(address: dict[str, str], clients: int, seconds: float) -> dict[str, Any]:
    """Sends requests from many clients at once; returns the counts of their statuses."""
    path, body, headers = serving_load.binary(hostile_images.sound()[0])
    url = address["http"] + path
    stop = time.monotonic() + seconds
    statuses: Counter[str] = Counter()

    async def ask(session: aiohttp.ClientSession) -> None:
        while time.monotonic() < stop:
            try:
                async with session.post(url, data=body, headers=headers) as response:
                    await response.read()
                    is_fine = "Retry-After" in response.headers or response.status == 200
                    statuses[f"{response.status}{'' if is_fine else ' without Retry-After'}"] += 1
            except (aiohttp.ClientError, asyncio.TimeoutError) as error:
                statuses[type(error).__name__] += 1

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(ask(session) for _ in range(clients)))
    start = time.monotonic()
    while True:
        async with (
            aiohttp.ClientSession() as session,
            session.post(url, data=body, headers=headers) as response,
        ):
            if response.status == 200:
                break
    return {"statuses": dict(statuses), "recovered_s": round(time.monotonic() - start, 2)}


def measure(given: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Runs the fuzzing and the overload on its own server."""
    version = scratch / "serving" / MODEL / "1"
    throughput.export_model(version, "cnn", 32)
    flags = ("--max-request-bytes", str(MAX_REQUEST_BYTES))
    with checkout.ModelServer(version.parent, *flags) as server:
        address = server.address
        watched, probe = Watched(server.process), Probe(address)
        memory_mb: dict[str, dict[str, float]] = {"at the start": watched.memory_mb()}
        marks = {int(share * given.requests): f"at {share:.0%}" for share in MEMORY_AT}

        def tick(number: int) -> None:
            if number % PROBE_EVERY == 0:
                probe.check()
            if number in marks:
                memory_mb[marks[number]] = watched.memory_mb()
                print(number, memory_mb, flush=True)

        statuses, faults = fuzz(address, given.requests, tick)
        memory_mb["at the end"] = watched.memory_mb()
        clients = OVERLOAD * bounds.Limits().max_waiting
        loaded = asyncio.run(overload(address, clients, given.seconds))
        probe.check()
        return {
            "statuses": {api: dict(sorted(found.items())) for api, found in statuses.items()},
            "fault_count": len(faults),
            "faults": faults[:_EXAMPLES],
            "sound_requests": probe.asked,
            "sound_requests_answered_wrong": probe.wrong,
            "processes_died": watched.died(),
            "memory_mb": {**memory_mb, "after overload": watched.memory_mb()},
            "overload": {"clients": clients, **loaded},
        }


def attack(scratch: Path) -> list[dict[str, Any]]:
    """Runs the attacks of hostile_load.py on its own server."""
    version = scratch / "attacked" / MODEL / "1"
    throughput.export_model(version, "cnn", 128)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, soft[0]), soft[1]))
    with checkout.ModelServer(version.parent) as server:
        resource.setrlimit(resource.RLIMIT_NOFILE, soft)
        return hostile_load.run(hostile_load.Target(server.address, MODEL), server.process.pid)


def finish_attacks(found: list[dict[str, Any]]) -> None:
    """Prints the health responses during the attacks."""
    worst = max(one["worst_health_s"] for one in found)
    down = sum(count for one in found for key, count in one["health"].items() if key != "200")
    details = {"attacks": found, "health_not_200": down}
    # The slowest response within a second, and none other than 200.
    ratio = min(1.0, HEALTH_S / worst) if not down else 0.0
    claim = "health during attacks, slowest response"
    harness.finish(claim, "s", HEALTH_S, worst, ratio, 1.0, details)


def main() -> None:
    """Runs the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--attacks-only", action="store_true")
    given = parser.parse_args()
    with harness.workspace() as scratch:
        if not given.attacks_only:
            fuzzed(given, scratch)
        finish_attacks(attack(scratch))


def fuzzed(given: argparse.Namespace, scratch: Path) -> None:
    """Runs the hostile requests and the overload; prints the result."""
    details = measure(given, scratch)
    first, last = (details["memory_mb"][key] for key in ("at 10%", "at the end"))
    details["memory_growth"] = {role: round(last[role] / first[role], 2) for role in first}
    bad = [key for key in details["overload"]["statuses"] if key not in ("200", "429", "503")]
    faults = details["fault_count"] + details["sound_requests_answered_wrong"]
    faults += details["processes_died"] + len(bad)
    faults += sum(growth > GROWTH for growth in details["memory_growth"].values())
    right = 1 - faults / given.requests
    claim = "hostile requests without a fault"
    harness.finish(claim, "of all", 1.0, right, right, 1.0, details)


if __name__ == "__main__":
    main()
