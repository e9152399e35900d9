"""Hostile requests and too many of them, to a real server."""

import asyncio
import json
import shutil
import urllib.error
import urllib.request
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("aiohttp", reason="the extra [serve] is absent")

import aiohttp

from benchmarks import hostile_images, hostile_requests, hostile_rounds, raw_http
from serving import admission, client, protocol
from tests.serving import conftest
from tests.serving.conftest import encoded

pytestmark = conftest.needs_triton

MODEL = "shapes"
MAX_PIXELS = 250_000
MAX_REQUEST_BYTES = 400_000
TENSOR = {"name": "image_bytes", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}


@pytest.fixture(scope="module")
def server(exported, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile") / MODEL
    shutil.copytree(exported[1], folder / "1")
    limits = ("--max-pixels", str(MAX_PIXELS), "--max-request-bytes", str(MAX_REQUEST_BYTES))
    started = conftest.Server(folder, *limits)
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


def test_many_large_images_run_in_parts(server):
    """Each is within the limit, all of them are not; the answers are those to each alone."""
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
            await asyncio.gather(*(ask(session) for _ in range(4 * admission.MAX_WAITING)))

    asyncio.run(all_at_once())
    assert set(answers) == {(200, None), (503, "1")}
    assert answers[200, None] >= admission.MAX_WAITING / 2  # the limit of bytes is low here
