"""Limits on the requests that wait for the model and on the bytes that the gateway holds.

A slow client takes no slot: a request counts once its body is complete, its bytes as they arrive.
A response counts from its first byte until its client has read it.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator

import aiohttp
from aiohttp import web

from serving.gateway import bounds, http_errors, time_limit

# How much of a gzip stream a thread decompresses at a time.
_PIECE_BYTES = 1 << 20
_GZIP_WINDOW = 31


class Admission:
    """Counts the waiting requests and the held bytes; used only in the event loop's thread.

    Args:
      limits: of one request, and of all requests together.
    """

    def __init__(self, limits: bounds.Limits) -> None:
        self._limits = limits
        self._held_bytes = 0
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def body(self, request: web.Request) -> AsyncIterator[bytes]:
        """Reads the body of a request and counts the request until the end of the block.

        Raises:
          http_errors.HttpError: it is damaged (400), too slow (408), too large (413) or has an
            unsupported encoding (415), or too many requests wait already (503).
        """
        held, content = bytearray(), b""
        try:
            await self._read(request, held)
            if self._waiting >= self._limits.max_waiting:
                raise http_errors.exceeded(
                    "max_waiting", f"{self._limits.max_waiting} requests are waiting; try again."
                )
            content = bytes(held)
            held.clear()
            self._waiting += 1
            try:
                yield content
            finally:
                self._waiting -= 1
        finally:
            self._held_bytes -= len(held) + len(content)
            held.clear()  # an exception's traceback keeps a reference to it

    async def _read(self, request: web.Request, held: bytearray) -> None:
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", *bounds.ENCODINGS):
            offered = ", ".join(bounds.ENCODINGS)
            message = (
                f"The Content-Encoding is {encoding[:40]!r}; supported are {offered} and none."
            )
            raise http_errors.exceeded("encodings", message, {"Accept-Encoding": offered})
        if (request.content_length or 0) > self._limits.max_body_bytes:
            raise self._too_large()
        seconds = self._limits.body_timeout_s
        try:
            async with time_limit.TimeLimit(seconds):
                await self._read_parts(request, held)
            if encoding != "identity":
                async with time_limit.TimeLimit(seconds):
                    await self._decompress(held)
        except (TimeoutError, asyncio.TimeoutError) as error:
            message = f"The body was not complete after {seconds} s."
            raise http_errors.exceeded("body_timeout_s", message) from error
        except (aiohttp.ClientError, web.RequestPayloadError, ConnectionError) as error:
            raise _damaged(error) from error

    async def _read_parts(self, request: web.Request, held: bytearray) -> None:
        async for part in request.content.iter_any():
            self._hold(held, part)

    async def _decompress(self, held: bytearray) -> None:
        """Decompresses a gzip stream in place, up to the size limit, without blocking the loop."""
        packed = bytes(held)
        held.clear()
        try:
            stream = zlib.decompressobj(_GZIP_WINDOW)
            rest = packed
            while True:
                part = await asyncio.to_thread(stream.decompress, rest, _PIECE_BYTES)
                self._hold(held, part)
                rest = stream.unconsumed_tail
                if stream.eof and stream.unused_data:  # RFC 1952: members follow one another
                    rest, stream = stream.unused_data, zlib.decompressobj(_GZIP_WINDOW)
                elif stream.eof:
                    return
                elif not part and not rest:
                    raise _damaged("its gzip stream ends too early")
        except zlib.error as error:
            raise _damaged(error) from error
        finally:
            self._held_bytes -= len(packed)

    def _hold(self, held: bytearray, part: bytes) -> None:
        held += part
        self._held_bytes += len(part)
        if len(held) > self._limits.max_body_bytes:
            raise self._too_large()
        if self._held_bytes > self._limits.max_held_bytes:
            # Freed at once: otherwise the other requests would be refused too.
            self._held_bytes -= len(held)
            held.clear()
            raise http_errors.exceeded(
                "max_held_bytes", "The server holds too many bytes of requests; try again."
            )

    def _too_large(self) -> http_errors.HttpError:
        allowed = f"at most {self._limits.max_request_bytes} bytes are allowed"
        return http_errors.exceeded("max_body_bytes", f"The request is too large; {allowed}.")


class Answers:
    """Counts the bytes of responses in memory; used only in the event loop's thread.

    Args:
      limit_bytes: the limit for all responses together.
      free_bytes: how many bytes of each response do not count. So small responses are always
        admitted; their number is bounded by that of the connections.
    """

    def __init__(self, limit_bytes: int, free_bytes: int) -> None:
        self.free_bytes = free_bytes
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    @contextlib.contextmanager
    def answer(self) -> Iterator["Held"]:
        """Counts one response until the end of the block."""
        held = Held(self)
        try:
            yield held
        finally:
            held.closed = True
            self._held_bytes -= held.counted_bytes

    def add(self, size_bytes: int) -> None:
        """Counts bytes.

        Raises:
          http_errors.HttpError: the limit is exceeded (503).
        """
        if self._held_bytes + size_bytes > self._limit_bytes:
            message = "Too many responses wait for their clients to read them; try again."
            raise http_errors.exceeded("max_held_answer_bytes", message)
        self._held_bytes += size_bytes


class Held:
    """The bytes of one response.

    Attributes:
      counted_bytes: those above the free bytes of each response.
      closed: whether the client no longer waits for the response.
    """

    def __init__(self, answers: Answers) -> None:
        self.counted_bytes = 0
        self.closed = False
        self._answers = answers
        self._bytes = 0

    def take(self, size_bytes: int) -> None:
        """Counts further bytes.

        Raises:
          http_errors.HttpError: as :meth:`Answers.add`, or the client has disconnected.
        """
        if self.closed:
            raise http_errors.HttpError(503, "The client has disconnected.")
        self._bytes += size_bytes
        counted = max(0, self._bytes - self._answers.free_bytes)
        self._answers.add(counted - self.counted_bytes)
        self.counted_bytes = counted


# The key of a request under which its byte count is stored.
HELD = web.RequestKey("held", Held)


def _damaged(reason: object) -> http_errors.HttpError:
    return http_errors.HttpError(400, f"The body of the request is damaged ({reason}).")
