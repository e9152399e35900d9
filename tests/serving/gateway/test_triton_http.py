"""The slim client against servers on a real Unix socket, sound ones and others."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from serving.gateway import triton_http

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def asked(
    tmp_path, talk: Talk, scenario: Callable[[triton_http.Connections], Awaitable[None]]
) -> int:
    """Runs a scenario with a server; returns how many connections there were."""
    count = 0

    async def served(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        count += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await talk(reader, writer)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_unix_server(served, str(tmp_path / "socket"))
        connections = triton_http.Connections(str(tmp_path / "socket"))
        await scenario(connections)
        await connections.close()
        server.close()
        await asyncio.sleep(0.05)

    asyncio.run(run())
    return count


def ask(connections: triton_http.Connections, body: bytes = b"", take=lambda size: None):
    return connections.request("POST", "/v2", body, {"X-Given": "yes"}, take)


async def request(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
    return head, await reader.readexactly(length)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers in small pieces with what it got."""
    while True:
        head, body = await request(reader)
        content = head + body
        answer = b"HTTP/1.1 200 OK\r\nX-Is: so\r\nContent-LENGTH: %d\r\n\r\n" % len(content)
        for byte in answer + content:
            writer.write(bytes([byte]))
            await writer.drain()


def test_requests_and_replies_are_whole_and_the_connection_is_kept(tmp_path):
    async def scenario(connections):
        sizes: list[int] = []
        for body in (b"", b"image\r\n\r\n" * 20):
            reply = await ask(connections, body, sizes.append)
            expected = (
                b"POST /v2 HTTP/1.1\r\nHost: triton\r\nContent-Length: %d\r\nX-Given: yes\r\n\r\n"
            )
            assert reply.body == expected % len(body) + body
            assert reply.status == 200 and reply.headers["x-is"] == "so"
            assert sum(sizes) == len(reply.body)
            sizes.clear()

    assert asked(tmp_path, echo, scenario) == 1


def test_requests_at_once_have_connections_of_their_own(tmp_path):
    async def scenario(connections):
        replies = await asyncio.gather(*(ask(connections, b"%d" % at) for at in range(5)))
        assert [reply.body[-1:] for reply in replies] == [b"%d" % at for at in range(5)]

    assert asked(tmp_path, echo, scenario) == 5


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"junk\r\n\r\n",
        b"HTTP/1.1 yes OK\r\nContent-Length: 1\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 20_000,
    ],
)
def test_what_is_no_whole_reply_is_an_error_and_the_connection_is_not_kept(tmp_path, answer):
    async def talk(reader, writer):
        await request(reader)
        writer.write(answer)

    async def scenario(connections):
        for _ in range(2):
            with pytest.raises(triton_http.LostError):
                await ask(connections)

    assert asked(tmp_path, talk, scenario) == 2


def test_without_a_server(tmp_path):
    async def run() -> None:
        with pytest.raises(triton_http.LostError, match="no connection: No such file"):
            await ask(triton_http.Connections(str(tmp_path / "nothing")))

    asyncio.run(run())


def test_a_reply_that_is_refused_or_cancelled_is_never_given_to_the_next_request(tmp_path):
    async def scenario(connections):
        def refuse(size: int) -> None:
            raise KeyError("too large")

        with pytest.raises(KeyError, match="too large"):
            await ask(connections, b"first", refuse)
        task = asyncio.ensure_future(ask(connections, b"second" * 1000))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await ask(connections, b"third")).body.endswith(b"third")

    assert asked(tmp_path, echo, scenario) == 3


def test_a_connection_that_was_closed_meanwhile_is_not_used(tmp_path):
    async def once(reader, writer):
        await request(reader)
        writer.write(b"HTTP/1.1 503 Unavailable\r\nContent-Length: 0\r\n\r\n")

    async def scenario(connections):
        for _ in range(2):
            assert (await ask(connections)).status == 503
            await asyncio.sleep(0.05)

    assert asked(tmp_path, once, scenario) == 2
