"""Helpers for attacks: send them, and check that the server still works."""

import contextlib
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator

import numpy as np

from benchmarks import health, hostile_images, hostile_requests, hostile_rounds, raw_http
from serving.client import client
from tests.serving import served

MODEL = "shapes"
# Longer than the second of benchmarks/serving_fuzz.py: other tests may load the machine.
HEALTH_S = 5.0
IMAGES = hostile_images.mutated(hostile_images.sound() + hostile_images.odd())


@contextlib.contextmanager
def sound_afterwards(server: served.Server) -> Iterator[None]:
    """Checks that after the block the same processes give the same answers."""
    before = server.children()
    with client.Client(server.url, timeout_s=60) as asked:
        expected = probabilities(asked)
    yield
    with client.Client(server.url, retries=client.Retries(attempts=1)) as asked:
        np.testing.assert_allclose(probabilities(asked), expected, atol=1e-6)
    assert server.children() == before


def probabilities(asked: client.Client) -> np.ndarray:
    return np.array([one.probabilities for one in asked.predict(hostile_images.sound())])


def post(url: str, body: bytes, headers=None) -> tuple[int, dict]:
    request = urllib.request.Request(url, body, headers or {})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def attack(server: served.Server, rounds: int, most_bytes: int) -> Counter[int]:
    """Sends hostile requests of all kinds; returns the count of each status."""
    apis = {hostile_requests.V1: server.address["rest"]}
    statuses: Counter[int] = Counter()

    def send(kind: str, one: hostile_requests.Attempt) -> None:
        host, _, port = apis.get(one.api, server.url).partition("://")[2].partition(":")
        found = raw_http.send(host, int(port), one.wire(), one.finished, 60)
        assert found.status < 500
        # No response is correct for incomplete HTTP.
        assert found.status > 0 or (found.status == 0 and one.finished)
        statuses[found.status] += 1

    by_kind = hostile_requests.kinds(IMAGES, MODEL, most_bytes)
    hostile_rounds.run(by_kind, rounds, 1, send)
    return statuses


class Health(health.Health):
    """Fails unless the server's health is answered with 200 in time throughout."""

    def __init__(self, *urls: str) -> None:
        super().__init__(list(urls))

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        assert set(self.statuses) == {200}
        assert self.worst_s < HEALTH_S


def address_of(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition(":")
    return host, int(port)
