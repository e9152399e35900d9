"""Hostile requests and too many of them, to a real server."""

import asyncio
import base64
import contextlib
import functools
import gzip
import io
import json
import resource
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra [serve] is absent")

import aiohttp
from PIL import Image

from benchmarks import health, hostile_images, hostile_requests, hostile_rounds, raw_http
from serving import bounds, client, protocol
from tests.serving import conftest
from tests.serving.conftest import encoded

pytestmark = conftest.needs_triton

MODEL = "shapes"
MAX_PIXELS = 250_000
MAX_REQUEST_BYTES = 400_000
# Longer than a second, which benchmarks/serving_fuzz.py asks for: other tests may use the machine.
HEALTH_S = 5.0
TENSOR = {"name": "image_bytes", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / MODEL
    shutil.copytree(exported[1], folder / "1")
    limits = ("--max-pixels", str(MAX_PIXELS), "--max-request-bytes", str(MAX_REQUEST_BYTES))
    # Python's start takes longer than what lowers its soft limit, as most systems have it.
    started = conftest.Server(folder, *limits, descriptors=(1024, 8192))
    yield started
    started.kill()


@pytest.fixture(scope="module")
def expected(server):
    with client.Client(server.url, timeout_s=60) as asked:
        return probabilities(asked)


def probabilities(asked: client.Client) -> np.ndarray:
    return np.array([one.probabilities for one in asked.predict(hostile_images.sound())])


@pytest.fixture
def sound_afterwards(server, expected):
    """After the test the same processes answer the same."""
    before = server.children()
    yield
    with client.Client(server.url, retries=client.Retries(attempts=1)) as asked:
        np.testing.assert_allclose(probabilities(asked), expected, atol=1e-6)
    assert server.children() == before


def post(url: str, body: bytes, headers=None) -> tuple[int, dict]:
    request = urllib.request.Request(url, body, headers or {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


IMAGES = hostile_images.mutated(hostile_images.sound() + hostile_images.odd())


def test_no_request_makes_the_server_fail(server, sound_afterwards):
    doors = {hostile_requests.V1: server.address["rest"]}
    statuses: Counter[int] = Counter()

    def send(kind: str, one: hostile_requests.Attempt) -> None:
        host, _, port = doors.get(one.door, server.url).partition("://")[2].partition(":")
        found = raw_http.send(host, int(port), one.wire(), one.finished, 60)
        assert found.status < 500
        # Nothing at all is right for what is no whole HTTP.
        assert found.status > 0 or (found.status == 0 and one.finished)
        statuses[found.status] += 1

    by_kind = hostile_requests.kinds(IMAGES, MODEL, 2 * MAX_REQUEST_BYTES)
    hostile_rounds.run(by_kind, 300, 1, send)
    assert statuses[200] > 50 and statuses[400] > 50 and statuses[404] and statuses[413]


@pytest.mark.parametrize(
    "change",
    [
        {"inputs": [{**TENSOR, "shape": [0, 1], "data": []}]},
        {"outputs": [{"name": "label", "parameters": {"classification": 3}}]},
    ],
)
def test_what_would_end_triton_does_not_reach_it(server, sound_afterwards, change):
    body = json.dumps({"inputs": [TENSOR], **change}).encode()
    status, answer = post(f"{server.url}/v2/models/{MODEL}/infer", body)
    assert status == 400 and set(answer) == {"error"}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("v2/systemsharedmemory/region/x/register", 404),
        ("v2/logging", 404),
        (f"v2/repository/models/{MODEL}/unload", 404),
        (f"v2/models/{MODEL}/generate", 404),
        ("v2/models/other/infer", 404),
        (f"v2/models/{MODEL}/config", 405),
    ],
)
def test_what_is_no_business_of_a_client_is_held_back(server, path, status):
    assert post(f"{server.url}/{path}", b"{}")[0] == status


def test_many_large_images_are_asked_for_in_parts(server):
    """Each is within the limit, all of them are not; the answers are those to each alone."""
    url, values = f"{server.address['rest']}/v1/models/{MODEL}:predict", encoded(400, 400)
    four = {"instances": [{"b64": base64.b64encode(values).decode()}] * 4}
    status, answer = post(url, json.dumps(four).encode())
    assert status == 413
    assert "have 640,000 pixels in all; allowed are 250,000. Send fewer." in answer["error"]
    images = [encoded(400, 400, seed) for seed in range(4)] + [b"", encoded(8, 8)]
    with client.Client(server.url, timeout_s=60) as asked:
        together = asked.predict(images)
        alone = [asked.predict([image])[0] for image in images]
    assert [one.valid for one in together] == [True] * 4 + [False, True]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-6)


def test_an_image_as_it_is(server):
    headers = {protocol.HEADER_LENGTH: "0"}
    request = urllib.request.Request(  # noqa: S310
        f"{server.url}/v2/models/{MODEL}/infer", encoded(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        length = int(response.headers[protocol.HEADER_LENGTH])
        assert protocol.answer(response.read(), length).outputs["valid"].tolist() == [True]


def test_a_frame_larger_than_its_screen_is_no_image(server, sound_afterwards):
    """Its header says 1×1: the decoder would take room for what the frame says."""
    image = hostile_images.bomb(hostile_images.sound()[-5], 60_000, 60_000)
    assert image.startswith(b"GIF")
    with client.Client(server.url, timeout_s=60) as asked:
        assert [one.valid for one in asked.predict([image])] == [False]


def test_overload_is_shed_and_passes(server, sound_afterwards):
    images = [encoded(8, 8, seed) for seed in range(16)]
    body, headers = protocol.request("image_bytes", images, [], {})
    url = f"{server.url}/v2/models/{MODEL}/infer"
    answers: Counter[tuple[int, str | None]] = Counter()

    async def ask(session: aiohttp.ClientSession) -> None:
        async with session.post(url, data=body, headers=headers) as response:
            await response.read()
            answers[response.status, response.headers.get("Retry-After")] += 1

    async def all_at_once() -> None:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            await asyncio.gather(*(ask(session) for _ in range(4 * bounds.Limits().max_waiting)))

    asyncio.run(all_at_once())
    assert set(answers) == {(200, None), (503, "1")}
    assert answers[200, None] >= bounds.Limits().max_waiting / 2  # the limit of bytes is low here


class Health(health.Health):
    """Fails where the server did not say all the time, and soon, that it runs."""

    def __init__(self, *urls: str) -> None:
        super().__init__(list(urls))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        assert set(self.statuses) == {200}
        assert self.worst_s < HEALTH_S


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition(":")
    return host, int(port)


@functools.cache
def brotli_bomb() -> bytes:
    """1 GB of zeros."""
    brotli = pytest.importorskip("brotli")
    packer = brotli.Compressor(quality=1)
    parts = [packer.process(bytes(1 << 24)) for _ in range(64)]
    return b"".join([*parts, packer.finish()])


@pytest.mark.parametrize("path", ["/", "/v1/models/shapes:predict", "/page/predict", "/nonsense"])
def test_what_is_compressed_is_not_unpacked_for_strangers(guarded, path):
    bomb = brotli_bomb()
    assert len(bomb) < 300_000
    before_s = guarded.cpu_s()
    wire = raw_http.request("POST", path, {"Content-Encoding": "br"}, bomb, len(bomb))
    with Health(guarded.url, guarded.address["rest"]):
        for port in ("http", "rest"):
            assert raw_http.send(*address_of(guarded.address[port]), wire, False, 60).status == 401
        time.sleep(2)
    # To unpack them takes several.
    assert guarded.cpu_s() < before_s + 1.5


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip"])
def test_what_is_compressed_is_bounded(server, sound_afterwards, encoding):
    bomb = brotli_bomb() if encoding == "br" else gzip.compress(bytes(1 << 28))
    headers = {"Content-Encoding": encoding}
    before = server.memory_mb()
    with Health(server.url, server.address["rest"]):
        for _ in range(3):
            wire = raw_http.request("POST", "/page/predict", headers, bomb, len(bomb))
            answer = raw_http.send(*address_of(server.address["rest"]), wire, False, 60)
            assert answer.status == (413 if encoding == "gzip" else 415)
    assert server.memory_mb() < before + 50


def test_many_pixels_in_few_bytes_are_refused(server, sound_afterwards):
    """In small what twelve PNGs of 10,000 × 10,000 are: each within the limit, and all are not."""
    buffer = io.BytesIO()
    Image.new("L", (500, 500)).save(buffer, "PNG")
    images = [buffer.getvalue()] * 12
    body, headers = protocol.request("image_bytes", images, [], {})
    with Health(server.url):
        status, answer = post(f"{server.url}/v2/models/{MODEL}/infer", body, headers)
    assert status == 413 and "3,000,000 pixels" in answer["error"]
    with client.Client(server.url, timeout_s=60) as asked:
        assert [one.valid for one in asked.predict(images)] == [True] * 12


@contextlib.contextmanager
def opened(url: str, count: int, first_bytes: bytes) -> Iterator[list[socket.socket]]:
    """So many connections on each of which so much is sent."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * count)), hard))
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            found.append(stack.enter_context(socket.create_connection(address_of(url), 30)))
            found[-1].sendall(first_bytes)
        yield found


@pytest.mark.parametrize("first_bytes", [b"", b"GET / HTTP/1.1\r\nX: "])
def test_connections_that_ask_nothing_take_no_place(server, sound_afterwards, first_bytes):
    """More than a process may have open by default, and more than the gateway lets in."""
    count = bounds.Limits().max_connections + 100
    with Health(server.url), opened(server.url, count, first_bytes) as idle:
        time.sleep(1.2)  # what is fresh is left alone
        # The eldest had to go.
        with contextlib.suppress(ConnectionResetError):
            assert idle[0].recv(1) == b""
        with client.Client(server.url, retries=client.Retries(attempts=1)) as asked:
            assert asked.predict([encoded()])[0].valid
    assert server.process.poll() is None


def test_clients_that_do_not_read_take_bounded_memory(server, sound_afterwards):
    """Each answer is megabytes of JSON."""
    # As small as can be: bodies have a bound of their own.
    values = [{"b64": base64.b64encode(encoded(1, 1, form="PNG")).decode()}] * 256
    body = json.dumps({"signature_name": "explain", "instances": values}).encode()
    wire = raw_http.request("POST", f"/v1/models/{MODEL}:predict", {}, body, len(body))
    before = server.memory_mb()
    with Health(server.url), opened(server.address["rest"], 30, wire) as waiting:
        for one in waiting:
            one.settimeout(120)
            assert one.recv(12) == b"HTTP/1.1 200"
        assert server.memory_mb() < before + 100
        received = bytearray()
        while not received.endswith(b"0\r\n\r\n"):
            received += waiting[0].recv(1 << 20)
        assert len(received) > 1_000_000
