"""How much the gateway takes in at once: requests that wait for the model, and bytes that it holds.

A slow client holds no place: a request is counted once its body is there, its bytes as they come.
An answer counts from its first byte on until its client has read it.
"""

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Iterator

import aiohttp
from aiohttp import web

from serving.gateway import bounds, error_answers

# Of a gzip stream, decompressed at a time in a thread.
_PIECE_BYTES = 1 << 20
_GZIP_WINDOW = 31


class Admission:
    """Counts what is in a gateway; for the one thread of its event loop.

    Args:
      limits: of a request, and of all together.
    """

    def __init__(self, limits: bounds.Limits) -> None:
        self._limits = limits
        self._held_bytes = 0
        self._waiting = 0

    @contextlib.asynccontextmanager
    async def body(self, request: web.Request) -> AsyncIterator[bytes]:
        """Reads the body of a request, which holds a place until the end of the block.

        Raises:
          answered.Answered: it is damaged (400), too slow (408), too large (413) or encoded in
            another way than offered (415), or too much waits already (503).
        """
        held, content = bytearray(), b""
        try:
            await self._read(request, held)
            if self._waiting >= self._limits.max_waiting:
                raise error_answers.exceeded(
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
            held.clear()  # an exception on its way keeps what it came through

    async def _read(self, request: web.Request, held: bytearray) -> None:
        encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if encoding not in ("identity", *bounds.ENCODINGS):
            offered = ", ".join(bounds.ENCODINGS)
            message = f"The Content-Encoding is {encoding[:40]!r}; offered is {offered}, or none."
            raise error_answers.exceeded("encodings", message, {"Accept-Encoding": offered})
        if (request.content_length or 0) > self._limits.max_body_bytes:
            raise self._too_large()
        seconds = self._limits.body_timeout_s
        try:
            reading = self._read_parts(request, held)
            await asyncio.wait_for(reading, seconds)
            if encoding != "identity":
                await asyncio.wait_for(self._decompress(held), seconds)
        except (TimeoutError, asyncio.TimeoutError) as error:
            message = f"The request was not there after {seconds} s."
            raise error_answers.exceeded("body_timeout_s", message) from error
        except (aiohttp.ClientError, web.RequestPayloadError, ConnectionError) as error:
            raise _damaged(error) from error

    async def _read_parts(self, request: web.Request, held: bytearray) -> None:
        async for part in request.content.iter_any():
            self._hold(held, part)

    async def _decompress(self, held: bytearray) -> None:
        """Replaces a gzip stream by what is in it, of bounded size; the loop goes on meanwhile."""
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
            # At once: else all others would be shed before this one's bytes are gone.
            self._held_bytes -= len(held)
            held.clear()
            raise error_answers.exceeded("max_held_bytes", "Too many bytes are waiting; try again.")

    def _too_large(self) -> error_answers.Answered:
        allowed = f"allowed are {self._limits.max_request_bytes} bytes"
        return error_answers.exceeded("max_body_bytes", f"The request is too large; {allowed}.")


class Answers:
    """Counts the bytes of answers that are in memory; for the one thread of an event loop.

    Args:
      limit_bytes: of all answers together.
      free_bytes: of each that do not count: small answers always have room, since there are no
        more of them than connections.
    """

    def __init__(self, limit_bytes: int, free_bytes: int) -> None:
        self.free_bytes = free_bytes
        self._limit_bytes = limit_bytes
        self._held_bytes = 0

    @contextlib.contextmanager
    def answer(self) -> Iterator["Held"]:
        """Counts one answer until the end of the block."""
        held = Held(self)
        try:
            yield held
        finally:
            held.closed = True
            self._held_bytes -= held.counted_bytes

    def add(self, size_bytes: int) -> None:
        """Counts bytes.

        Raises:
          answered.Answered: there are too many (503).
        """
        if self._held_bytes + size_bytes > self._limit_bytes:
            message = "Too many answers wait for their clients to read them; try again."
            raise error_answers.exceeded("max_held_answer_bytes", message)
        self._held_bytes += size_bytes


class Held:
    """The bytes of one answer.

    Attributes:
      counted_bytes: those that do not fit into what is free for each.
      closed: whether nobody waits for the answer any more.
    """

    def __init__(self, answers: Answers) -> None:
        self.counted_bytes = 0
        self.closed = False
        self._answers = answers
        self._bytes = 0

    def take(self, size_bytes: int) -> None:
        """Counts bytes more.

        Raises:
          answered.Answered: as :meth:`Answers.add`, or nobody waits for them.
        """
        if self.closed:
            raise error_answers.Answered(503, "The client has left.")
        self._bytes += size_bytes
        counted = max(0, self._bytes - self._answers.free_bytes)
        self._answers.add(counted - self.counted_bytes)
        self.counted_bytes = counted


# Where a request carries it.
HELD = web.RequestKey("held", Held)


def _damaged(reason: object) -> error_answers.Answered:
    return error_answers.Answered(400, f"The body of the request is damaged ({reason}).")
