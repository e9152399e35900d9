"""Some hostile requests of each kind; test_hostile.py has hundreds."""

import gzip
import json
import urllib.request
from collections.abc import Iterator

import pytest

pytest.importorskip("aiohttp", reason="the extra [serve] is absent")

from benchmarks import raw_http
from serving.client import protocol
from tests.serving import hostile, served
from tests.serving.hostile import MODEL, post
from tests.serving.served import encoded

pytestmark = [served.needs_triton, pytest.mark.xdist_group(served.OPEN)]
TENSOR = {"name": "image_bytes", "shape": [1, 1], "datatype": "BYTES", "data": ["x"]}


@pytest.fixture
def server(open_server) -> served.Server:
    return open_server


@pytest.fixture
def sound_afterwards(server) -> Iterator[None]:
    with hostile.sound_afterwards(server):
        yield


def test_no_request_makes_the_server_fail(server, sound_afterwards):
    statuses = hostile.attack(server, 30, 2 * served.OPEN_BYTES)
    assert statuses[200] >= 5 and statuses[400] >= 5 and statuses[404] and statuses[413]


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


def test_an_image_as_it_is(server):
    headers = {protocol.HEADER_LENGTH: "0"}
    request = urllib.request.Request(  # noqa: S310
        f"{server.url}/v2/models/{MODEL}/infer", encoded(), headers
    )
    with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
        length = int(response.headers[protocol.HEADER_LENGTH])
        assert protocol.answer(response.read(), length).outputs["valid"].tolist() == [True]


def test_what_is_compressed_is_bounded(server, sound_afterwards):
    bomb = gzip.compress(bytes(1 << 26))
    before = server.memory_mb()
    for path, port in (("/page/predict", "rest"), ("/v1/models/shapes:predict", "rest")):
        wire = raw_http.request("POST", path, {"Content-Encoding": "gzip"}, bomb, len(bomb))
        answer = raw_http.send(*hostile.address_of(server.address[port]), wire, False, 60)
        assert answer.status == 413
    assert server.memory_mb() < before + 50
