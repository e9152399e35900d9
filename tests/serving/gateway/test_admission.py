"""The gateway's limits on requests and bytes, behind a real HTTP server."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest

pytest.importorskip("aiohttp", reason="the extra [serve] is absent")

import aiohttp
from aiohttp import test_utils, web

from serving.gateway import admission, bounds, http_errors

MAX_BODY_BYTES = 100


@dataclasses.dataclass(frozen=True)
class Small(bounds.Limits):
    max_request_bytes: int = 10

    @property
    def max_body_bytes(self) -> int:
        return MAX_BODY_BYTES


def asked(
    scenario: Callable[[Callable[..., Any], asyncio.Event], Coroutine[Any, Any, None]], **more: Any
):
    """Runs a scenario with a way to send bodies, whose requests wait until an event is set."""

    async def run() -> None:
        books, go_on = admission.Admission(Small(**more)), asyncio.Event()

        async def handle(request: web.Request) -> web.Response:
            try:
                async with books.body(request) as body:
                    await go_on.wait()
                    return web.Response(body=bytes(body))
            except http_errors.HttpError as error:
                return web.Response(status=error.status, text=str(error))

        application = web.Application()
        application.router.add_post("/", handle)
        async with (
            test_utils.TestServer(application) as server,
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
        ):

            async def send(body: Any, **headers: str) -> tuple[int, str]:
                url = server.make_url("/")
                async with session.post(url, data=body, headers=headers) as response:
                    return response.status, await response.text()

            await scenario(send, go_on)

    asyncio.run(run())


async def parts(count: int, pause_s: float = 0) -> AsyncIterator[bytes]:
    """Yields a body of unknown length, in parts of ten bytes."""
    for _ in range(count):
        await asyncio.sleep(pause_s)
        yield b"x" * 10


def test_a_body_comes_whole_and_a_large_one_is_refused():
    async def scenario(send, go_on):
        go_on.set()
        assert await send(parts(10)) == (200, "x" * 100)
        for large in (b"x" * 101, parts(11)):
            assert await send(large) == (
                413,
                "The request is too large; at most 10 bytes are allowed.",
            )
        assert (await send(b""))[0] == 200

    asked(scenario)


def test_a_slow_one_is_told_so():
    async def scenario(send, go_on):
        go_on.set()
        assert (await send(parts(10, 0.1)))[0] == 408
        assert (await send(parts(10)))[0] == 200

    asked(scenario, body_timeout_s=0.2)


@pytest.mark.parametrize(
    ("size_bytes", "places", "sentence"),
    [(1, 3, "3 requests are waiting"), (90, 256, "The server holds too many bytes of requests")],
)
def test_what_is_too_much_is_shed_and_the_rest_answered(size_bytes, places, sentence):
    async def scenario(send, go_on):
        sent = [asyncio.create_task(send(b"x" * size_bytes)) for _ in range(8)]
        done, _ = await asyncio.wait(sent, return_when=asyncio.FIRST_COMPLETED)
        while len(done) < 4:
            await asyncio.sleep(0.01)
            done = {one for one in sent if one.done()}
        assert {one.result() for one in done} == {(503, f"{sentence}; try again.")}
        go_on.set()
        answers = await asyncio.gather(*sent)
        assert {status for status, _ in answers} == {200, 503}
        assert await send(b"x" * size_bytes) == (200, "x" * size_bytes)

    asked(scenario, max_waiting=places)
