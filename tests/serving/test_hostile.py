"""Hostile requests, and too many of them, to a real server."""

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
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra [serve] is absent")

import aiohttp
from PIL import Image

from benchmarks import hostile_images, raw_http
from serving.client import client, protocol
from serving.gateway import bounds
from tests.serving import hostile, served
from tests.serving.hostile import MODEL, Health, address_of, post
from tests.serving.served import encoded

pytestmark = [served.needs_triton, pytest.mark.landing, pytest.mark.serial]

MAX_PIXELS = 250_000
MAX_REQUEST_BYTES = 400_000


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / MODEL
    shutil.copytree(exported[1], folder / "1")
    limits = ("--max-pixels", str(MAX_PIXELS), "--max-request-bytes", str(MAX_REQUEST_BYTES))
    # Python's start takes longer than what lowers its soft limit, as most systems have it.
    started = served.Server(folder, *limits, descriptors=(1024, 8192))
    yield started
    started.stop()


@pytest.fixture
def sound_afterwards(server) -> Iterator[None]:
    with hostile.sound_afterwards(server):
        yield


def test_no_request_makes_the_server_fail(server, sound_afterwards):
    statuses = hostile.attack(server, 300, 2 * MAX_REQUEST_BYTES)
    assert statuses[200] > 50 and statuses[400] > 50 and statuses[404] and statuses[413]


def test_many_large_images_are_asked_for_in_parts(server):
    """Each is within the limit, their sum is not; the answers equal those to single images."""
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


def test_a_frame_larger_than_its_screen_is_no_image(server, sound_afterwards):
    """The header states 1×1: the decoder would allocate the size of the frame."""
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


@functools.cache
def brotli_bomb() -> bytes:
    """Returns 1 GB of zeros, compressed with brotli."""
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
    # Decompressing them takes several.
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
    """Small version of twelve PNGs of 10,000 × 10,000: each is within the limit, the sum is not."""
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
    """Opens so many connections and sends the bytes on each."""
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
        time.sleep(1.2)  # fresh connections are not closed
        # The oldest one was closed.
        with contextlib.suppress(ConnectionResetError):
            assert idle[0].recv(1) == b""
        with client.Client(server.url, retries=client.Retries(attempts=1)) as asked:
            assert asked.predict([encoded()])[0].valid
    assert server.process.poll() is None


def test_clients_that_do_not_read_take_bounded_memory(server, sound_afterwards):
    """Each answer is two megabytes of JSON, made of one of numbers that the gateway holds."""
    # As small as possible: bodies have their own bound.
    values = [{"b64": base64.b64encode(encoded(1, 1, form="PNG")).decode()}] * 256
    body = json.dumps({"signature_name": "explain", "instances": values}).encode()
    wire = raw_http.request("POST", f"/v1/models/{MODEL}:predict", {}, body, len(body))
    before = server.memory_mb()
    with Health(server.url), opened(server.address["rest"], 30, wire) as waiting:
        for one in waiting:
            one.settimeout(120)
            assert one.recv(12) == b"HTTP/1.1 200"
        assert server.memory_mb() < before + 70
        received = bytearray()
        while not received.endswith(b"0\r\n\r\n"):
            received += waiting[0].recv(1 << 20)
        assert len(received) > 1_000_000
