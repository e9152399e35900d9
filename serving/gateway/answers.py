"""Writes responses: a large one in pieces, each made after the client has read the one before."""

import asyncio
from collections.abc import Iterator

from aiohttp import web

from serving.gateway import time_limit

PIECE_BYTES = 65536


class Pieces(web.StreamResponse):
    """A response whose body is made while it is written.

    Args:
      pieces: the pieces of the body.
      length: the body's size in bytes; None: unknown, sent with chunked transfer encoding.
      threaded: whether each piece is made in a thread, because making it is slow.
      headers: of the response.
    """

    def __init__(
        self,
        pieces: Iterator[bytes],
        length: int | None = None,
        threaded: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(headers=headers)
        self.content_length = length
        self._pieces: Iterator[bytes] | None = pieces
        self._threaded = threaded

    async def write_eof(self, data: bytes = b"") -> None:
        """Writes the body, each piece after the client has read the one before."""
        pieces, self._pieces = self._pieces, None
        while pieces is not None:
            piece = (
                await asyncio.to_thread(next, pieces, b"") if self._threaded else next(pieces, b"")
            )
            if not piece:
                break
            await self.write(piece)
        await super().write_eof(data)


def whole(body: bytes, headers: dict[str, str]) -> web.StreamResponse:
    """Returns a response with a complete body; a large one is written in pieces."""
    if len(body) <= PIECE_BYTES:
        return web.Response(body=body, headers=headers)
    view = memoryview(body)
    starts = range(0, len(body), PIECE_BYTES)
    return Pieces(
        (bytes(view[start : start + PIECE_BYTES]) for start in starts), len(body), headers=headers
    )


def of_json(parts: Iterator[bytes], is_small: bool) -> web.StreamResponse:
    """Returns a response in JSON.

    Args:
      parts: the parts of the text.
      is_small: whether the whole text is made at once.
    """
    headers = {"Content-Type": "application/json; charset=utf-8"}
    if is_small:
        return web.Response(body=b"".join(parts), headers=headers)
    return Pieces(_gathered(parts), threaded=True, headers=headers)


def error(status: int, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """Returns an error response in JSON; 503 gets a Retry-After."""
    headers = {**({"Retry-After": "1"} if status == 503 else {}), **(headers or {})}
    return web.json_response({"error": message}, status=status, headers=headers)


async def write(
    request: web.Request, response: web.StreamResponse, seconds: float
) -> web.StreamResponse:
    """Writes a response to its end; aborts the connection if the client does not read it in time."""
    try:
        async with time_limit.TimeLimit(seconds):
            await response.prepare(request)
            await response.write_eof()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        pass  # the client has disconnected
    return response


def _gathered(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the same bytes in pieces of about equal size."""
    waiting: list[bytes] = []
    size_bytes = 0
    for part in parts:
        waiting.append(part)
        size_bytes += len(part)
        if size_bytes >= PIECE_BYTES:
            yield b"".join(waiting)
            waiting, size_bytes = [], 0
    if waiting:
        yield b"".join(waiting)
