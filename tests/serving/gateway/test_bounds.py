"""Every bound of a request: docs, code and the responses of a real gateway agree."""

import base64
import contextlib
import dataclasses
import gzip
import json
import re
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("aiohttp", reason="the extra [serve] is absent")

from benchmarks import raw_http
from serving.client import protocol
from serving.gateway import application, bounds, origins
from tests.serving import served
from tests.serving.served import encoded

pytestmark = pytest.mark.xdist_group(served.GUARDED)

DOCS = Path(__file__).resolve().parents[3] / "docs" / "serving.md"
PREDICT = "/v1/models/shapes:predict"
INFER = "/v2/models/shapes/infer"
ROWS = re.compile(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| ([^|]*) \|", re.MULTILINE)


class Line:
    """A connection between the gateway and Triton that can be blocked.

    Args:
      path: the Unix socket of the gateway's end.
      triton: Triton's own socket.
    """

    def __init__(self, path: str, triton: str) -> None:
        self.path = path
        self._triton = triton
        self._free = threading.Event()
        self._free.set()
        self._ends: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(path)
        self._listening.listen(1024)
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                one = self._listening.accept()[0]
                other = socket.socket(socket.AF_UNIX)
                self._ends += [one, other]
                other.connect(self._triton)
                for ends in ((one, other), (other, one)):
                    self._threads.append(threading.Thread(target=self._pump, args=ends))
                    self._threads[-1].start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while part := source.recv(1 << 16):
                self._free.wait()
                target.sendall(part)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._free.set()
        for one in (self._listening, *self._ends):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (self._listening, *self._ends):
            one.close()

    @contextlib.contextmanager
    def blocked(self) -> Iterator[None]:
        """Blocks the connection until the end of the block."""
        self._free.clear()
        try:
            yield
        finally:
            self._free.set()


class Gateway:
    """A gateway in this process in front of the Triton of a real server.

    Attributes:
      port: the port that it listens on.
    """

    def __init__(self, port: int, line: Line) -> None:
        self.port = port
        self.blocked = line.blocked
        self._open = contextlib.ExitStack()

    def __enter__(self) -> "Gateway":
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> int:
        return self.send(raw_http.request("POST", path, headers or {}, body, len(body)))

    def get(self, path: str, headers: dict[str, str] | None = None) -> int:
        return self.send(raw_http.request("GET", path, headers or {}, b"", None))

    def send(self, wire: bytes) -> int:
        return raw_http.send("127.0.0.1", self.port, wire, False, 30).status

    def begun(self, wire: bytes, receive_bytes: int = 0) -> socket.socket:
        """Opens a connection, sends the bytes and keeps it open."""
        one = self._open.enter_context(socket.socket())
        if receive_bytes:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        one.settimeout(30)
        one.connect(("127.0.0.1", self.port))
        one.sendall(wire)
        return one

    def unfinished(self, size_bytes: int = 10) -> socket.socket:
        """Returns a request whose body lacks a byte."""
        wire = raw_http.request("POST", PREDICT, {}, b"x" * size_bytes, size_bytes + 1)
        return self.begun(wire)


def rows(count: int = 1, signature: str = "serving_default", image: bytes | None = None) -> bytes:
    one = {"b64": base64.b64encode(encoded(8, 8) if image is None else image).decode()}
    return json.dumps({"signature_name": signature, "instances": [one] * count}).encode()


def tensors(count: int, signature: str, is_binary: bool) -> tuple[bytes, dict[str, str]]:
    body, headers = protocol.request(
        "image_bytes", [encoded(8, 8)] * count, [], {"signature": signature}
    )
    if is_binary:
        return body, headers
    length = int(headers[protocol.HEADER_LENGTH])
    head = body[:length].replace(b'"binary_data_output": true', b'"binary_data_output": false')
    return head + body[length:], {**headers, protocol.HEADER_LENGTH: str(len(head))}


def status(one: socket.socket) -> int:
    """Reads a response's head and returns its status; 0: closed without one."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while b"\r\n\r\n" not in received and (part := one.recv(1 << 16)):
            received += part
    return int(received.split(b" ", 2)[1]) if received else 0


def last_of(gateway: Gateway, wire: bytes, count: int) -> int:
    """Returns the status of the first response while the connection to Triton is blocked."""
    with gateway.blocked():
        for _ in range(count - 1):
            gateway.begun(wire)
        time.sleep(0.5)
        return status(gateway.begun(wire))


def post(body: bytes, path: str = PREDICT) -> bytes:
    return raw_http.request("POST", path, {}, body, len(body))


def unread(gateway: Gateway) -> int:
    one = gateway.begun(post(rows(256, "explain")), receive_bytes=4096)
    time.sleep(4)
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while part := one.recv(1 << 20):
            received += part
    return 200 if received.endswith(b"0\r\n\r\n") else 0


def idle(gateway: Gateway) -> int:
    one = gateway.begun(raw_http.request("GET", "/v2/health/live", {}, b"", None))
    assert status(one) == 200
    return status(one)


def pipelined(gateway: Gateway) -> int:
    with gateway.blocked():
        one = gateway.begun(post(rows()))
        time.sleep(0.3)
        with contextlib.suppress(ConnectionError):
            one.sendall(post(b"x" * 500_000))
        return status(one)


def crowded(gateway: Gateway) -> int:
    for _ in range(2):
        gateway.unfinished()
    time.sleep(0.3)
    assert gateway.get("/v2/health/live") == 200
    return gateway.get("/v1/models/shapes")


def held(gateway: Gateway) -> int:
    for _ in range(4):
        gateway.unfinished(80_000)
    time.sleep(0.3)
    return gateway.post(PREDICT, b"x" * 80_000)


def late(gateway: Gateway) -> int:
    with gateway.blocked():
        return gateway.post(PREDICT, rows())


def blind(gateway: Gateway) -> int:
    with gateway.blocked():
        start = time.monotonic()
        found = gateway.get("/v2/health/ready")
        assert time.monotonic() - start < 2
        return found


def of_tensors(count: int, signature: str, is_binary: bool) -> Callable[[Gateway], int]:
    return lambda gateway: gateway.post(INFER, *tensors(count, signature, is_binary))


# Of each bound: what is lowered, and a request that exceeds it.
CASES: dict[str, tuple[dict[str, float], Callable[[Gateway], int]]] = {
    "max_connections": ({"max_connections": 2}, crowded),
    "head_timeout_s": (
        {"head_timeout_s": 1},
        lambda gateway: status(gateway.begun(b"GET / HTTP/1.1\r\nHost: x\r\n")),
    ),
    "idle_timeout_s": ({"idle_timeout_s": 1}, idle),
    "max_field_bytes": ({"max_field_bytes": 200}, lambda one: one.get("/", {"X": "x" * 400})),
    "max_fields": (
        {"max_fields": 8},
        lambda one: one.get("/", {f"X{number}": "x" for number in range(9)}),
    ),
    "max_pipelined_bytes": ({}, pipelined),
    "encodings": ({}, lambda one: one.post(PREDICT, b"x", {"Content-Encoding": "br"})),
    "max_body_bytes": ({"max_request_bytes": 1000}, lambda one: one.post(PREDICT, b"x" * 67_037)),
    "body_timeout_s": ({"body_timeout_s": 1}, lambda one: status(one.unfinished())),
    "max_held_bytes": ({"max_request_bytes": 10_000}, held),
    "max_waiting": ({"max_waiting": 2}, lambda one: last_of(one, post(rows()), 3)),
    "max_json_values": (
        {"max_json_values": 10},
        lambda one: one.post(PREDICT, json.dumps({"instances": [[]] * 9}).encode()),
    ),
    "max_batch": ({"max_batch": 2}, of_tensors(3, "serving_default", True)),
    "max_instances": ({"max_batch": 1}, lambda one: one.post(PREDICT, rows(9))),
    "max_request_bytes": (
        {},
        lambda one: one.post(PREDICT, rows(image=b"x" * (served.MOST_BYTES + 1))),
    ),
    "max_pixels": (
        {"max_pixels": 10_000},
        lambda one: one.post(PREDICT, rows(2, image=encoded(100, 60))),
    ),
    "max_waiting_pixels": (
        {"max_pixels": 10_000},
        lambda one: last_of(one, post(rows(image=encoded(100, 100))), 10),
    ),
    "model_timeout_s": ({"model_timeout_s": 1}, late),
    "health_timeout_s": ({}, blind),
    "max_answer_values": ({"max_answer_values": 1000}, of_tensors(1, "explain", True)),
    "max_answer_bytes": ({"max_answer_values": 1000}, of_tensors(3, "explain", False)),
    "max_held_answer_bytes": ({"max_held_answer_bytes": 0}, of_tensors(16, "explain", False)),
    "write_timeout_s": ({"write_timeout_s": 1}, unread),
}


@contextlib.contextmanager
def opened(server: served.Server, **lowered: float) -> Iterator[Gateway]:
    """Starts a gateway with some limits lowered."""
    names = {field.name for field in dataclasses.fields(bounds.Limits)}
    derived = {name: value for name, value in lowered.items() if name not in names}
    kind = type("Lowered", (bounds.Limits,), derived)
    limits = kind(**{name: value for name, value in lowered.items() if name in names})
    triton = server.address["triton"].removeprefix("unix:")
    with (
        tempfile.TemporaryDirectory() as folder,
        socket.create_server(("127.0.0.1", 0)) as listening,
        contextlib.closing(Line(f"{folder}/line", triton)) as line,
    ):
        hosts = origins.Hosts("127.0.0.1", ())
        running = application.Gateway(
            "shapes", server.folder, [listening], line.path, hosts, limits, lambda *_: None
        )
        with running, Gateway(listening.getsockname()[1], line) as gateway:
            yield gateway


def documented() -> dict[str, tuple[str, str, str]]:
    """Reads the table of docs/serving.md: name of a bound → default, flag and status."""
    section = DOCS.read_text(encoding="utf-8").partition("### Bounds")[2].partition("\n#")[0]
    found = ROWS.findall(section)
    return {name: (default, flag, code) for name, default, flag, code in found}


def test_the_table_names_every_bound_with_its_default_its_flag_and_its_status():
    table, limits = documented(), bounds.Limits()
    assert table.keys() == bounds.STATUSES.keys() == CASES.keys()
    flags = dict(bounds.flags())
    for name, (default, flag, code) in table.items():
        expected = ", ".join(bounds.ENCODINGS) if name == "encodings" else getattr(limits, name)
        shown = default.replace(",", "") if name != "encodings" else default
        assert shown == str(expected), name
        assert flag.strip("`") == flags.get(name, ""), name
        assert code == str(bounds.STATUSES[name] or "closed"), name


@served.needs_triton
@pytest.mark.parametrize("name", CASES)
def test_a_request_that_exceeds_a_bound_gets_its_status(guarded, name):
    lowered, attack = CASES[name]
    with opened(guarded, **lowered) as gateway:
        assert attack(gateway) == bounds.STATUSES[name]
        # What was abandoned is worked off; then all is as before.
        served.wait_until(lambda: gateway.get("/v2/health/live") == 200)


@served.needs_triton
def test_gzip_is_taken_and_bounded(guarded):
    packed = {"Content-Encoding": "gzip"}
    with opened(guarded, max_request_bytes=10_000) as gateway:
        assert gateway.post(PREDICT, gzip.compress(rows()), packed) == 200
        half = len(rows()) // 2
        members = gzip.compress(rows()[:half]) + gzip.compress(rows()[half:])
        assert gateway.post(PREDICT, members, packed) == 200
        assert gateway.post(PREDICT, gzip.compress(b" " * 200_000), packed) == 413
        for damaged in (b"junk", gzip.compress(rows())[:-9], b""):
            assert gateway.post(PREDICT, damaged, packed) == 400
        for other in ("deflate", "zstd", "gzip, gzip", "gzip, br"):
            assert gateway.post(PREDICT, rows(), {"Content-Encoding": other}) == 415


def executions(server: served.Server) -> int:
    """Returns the total number of images that the model has run, once that number stands still.

    Triton counts a request some time after its answer was sent.
    """
    counts: list[int] = []
    with server.triton("shapes") as asked:
        while len(counts) < 4 or len(set(counts[-4:])) > 1:
            answer = asked._call("GET", "/v2/models/shapes/stats").body
            found = json.loads(answer)["model_stats"]
            counts.append(sum(one["inference_count"] for one in found))
            time.sleep(0.1)
    return counts[-1]


@served.needs_triton
def test_what_was_late_is_not_sent_again(guarded):
    before = executions(guarded)
    with opened(guarded, model_timeout_s=1) as gateway:
        assert late(gateway) == 504
        assert gateway.post(PREDICT, rows()) == 200
        time.sleep(1)
        assert executions(guarded) == before + 2


@served.needs_triton
def test_what_nobody_waits_for_does_not_reach_triton(guarded):
    before = executions(guarded)
    image = encoded(100, 100)
    with opened(guarded, max_pixels=10_000) as gateway:
        with gateway.blocked():
            first = gateway.begun(post(rows(image=image)))
            time.sleep(0.3)
            for _ in range(3):
                gateway.begun(post(rows(image=image))).close()
            left, headers = protocol.request("image_bytes", [image], [], {})
            wire = raw_http.request("POST", INFER, headers, left, len(left))
            gateway.begun(wire).close()
            time.sleep(0.3)
        assert status(first) == 200
        assert gateway.post(PREDICT, rows()) == 200
        assert executions(guarded) == before + 2


@served.needs_triton
def test_a_small_request_does_not_wait_for_all_large_ones(guarded):
    order: list[str] = []

    def ask(gateway: Gateway, name: str, image: bytes) -> None:
        assert gateway.post(PREDICT, rows(image=image)) == 200
        order.append(name)

    with opened(guarded, max_pixels=10_000) as gateway:
        threads = [
            threading.Thread(target=ask, args=(gateway, f"large {number}", encoded(100, 100)))
            for number in range(6)
        ]
        threads.append(threading.Thread(target=ask, args=(gateway, "small", encoded(8, 8))))
        with gateway.blocked():
            for thread in threads:
                thread.start()
                time.sleep(0.1)
        for thread in threads:
            thread.join()
    assert order.index("small") <= 2


@served.needs_triton
def test_the_eldest_idle_connection_gives_way(guarded):
    with opened(guarded, max_connections=20) as gateway:
        idle_ones = [gateway.begun(b"") for _ in range(20)]
        time.sleep(1.2)  # what is fresh is left alone
        idle_ones += [gateway.begun(b"") for _ in range(10)]
        assert gateway.post(PREDICT, rows()) == 200
        assert status(idle_ones[0]) == 0
        idle_ones[-1].sendall(raw_http.request("GET", "/v2/health/live", {}, b"", None))
        assert status(idle_ones[-1]) == 200
