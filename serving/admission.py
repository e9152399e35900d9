"""How much a door takes in at once: requests that wait for the model, and bytes that it holds.

A slow client holds no place: a request is counted once its body is there, its bytes as they come.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from serving import upstream

MAX_WAITING = 256
# So many of the largest requests are held at once.
_HELD_REQUESTS = 4
_BODY_TIMEOUT_S = 60


class Admission:
    """Counts what is in a door; for the one thread of its event loop.

    Args:
      max_request_bytes: of a request's images, as they are told to clients.
      max_body_bytes: of a request's body, which holds them in base64 or other words.
    """

    def __init__(self, max_request_bytes: int, max_body_bytes: int) -> None:
        self._max_request_bytes = max_request_bytes
        self._max_body_bytes = max_body_bytes
        self._held_bytes = 0
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def body(self, request: web.Request) -> AsyncIterator[bytes]:
        """The body of a request, which holds a place until the end of the block.

        Raises:
          upstream.Answered: it is damaged (400), too slow (408) or too large (413), or too much
            waits already (503).
        """
        held, content = bytearray(), b""
        try:
            await self._read(request, held)
            if self._waiting >= MAX_WAITING:
                raise upstream.Answered(503, f"{MAX_WAITING} requests are waiting; try again.")
            content = bytes(held)
            held.clear()
            self._waiting += 1
            try:
                yield content
            finally:
                self._waiting -= 1
        finally:
            self._held_bytes -= len(held) + len(content)

    async def _read(self, request: web.Request, held: bytearray) -> None:
        if (request.content_length or 0) > self._max_body_bytes:
            raise self._too_large()
        try:
            await asyncio.wait_for(self._read_parts(request, held), _BODY_TIMEOUT_S)
        except (TimeoutError, asyncio.TimeoutError) as error:
            message = f"The request was not there after {_BODY_TIMEOUT_S} s."
            raise upstream.Answered(408, message) from error
        except (aiohttp.ClientError, web.RequestPayloadError, ConnectionError) as error:
            message = f"The body of the request is damaged ({error})."
            raise upstream.Answered(400, message) from error

    async def _read_parts(self, request: web.Request, held: bytearray) -> None:
        async for part in request.content.iter_any():
            held += part
            self._held_bytes += len(part)
            if len(held) > self._max_body_bytes:
                raise self._too_large()
            if self._held_bytes > _HELD_REQUESTS * self._max_body_bytes:
                # At once: else all others would be shed before this one's bytes are gone.
                self._held_bytes -= len(held)
                held.clear()
                raise upstream.Answered(503, "Too many bytes are waiting; try again.")

    def _too_large(self) -> upstream.Answered:
        allowed = f"allowed are {self._max_request_bytes} bytes"
        return upstream.Answered(413, f"The request is too large; {allowed}.")
