"""Limits on the gateway's connections: their number, and the time that each may take.

aiohttp limits neither the number of connections nor the time for a request's headers, and waits
for ever for a client that does not read.
"""

import asyncio
import json
import time
from typing import Any, cast

from aiohttp import http_exceptions, web

from serving.gateway import bounds

_Timer = asyncio.TimerHandle
# An idle connection is not closed before this age.
_FRESH_S = 1.0
# How long a client that pipelines too much may wait for its response.
_PIPELINED_S = 5
# The status if a request's head is too large for the parser.
_HEAD_TOO_LARGE = bounds.STATUSES["max_field_bytes"]


class Book:
    """The open connections; used only in the event loop's thread.

    When there are too many, the connection that has been idle longest is closed. If none has been
    idle for a second, new connections are surplus: they get health or 503.

    Args:
      limits: the numbers and the timeouts.
    """

    def __init__(self, limits: bounds.Limits) -> None:
        self.limits = limits
        # Connections without a request and since when, longest idle first.
        self._idle: dict[Connection, float] = {}
        self._busy: set[Connection] = set()

    def add(self, one: "Connection") -> None:
        """Adds a new connection, or aborts one if there are too many."""
        count = len(self._busy) + len(self._idle)
        is_full = count >= self.limits.most_connections
        if count >= self.limits.max_connections:
            eldest = next(iter(self._idle), None)
            # A new connection may send its request in the next packet.
            if eldest is not None and (is_full or self._idle_s(eldest) > _FRESH_S):
                self._idle.pop(eldest)
                eldest.abort()
            elif is_full:
                one.abort()
                return
            else:
                one.is_surplus = True
        self._idle[one] = time.monotonic()

    def _idle_s(self, one: "Connection") -> float:
        return time.monotonic() - self._idle[one]

    def remove(self, one: "Connection") -> None:
        """Removes a closed connection."""
        self._idle.pop(one, None)
        self._busy.discard(one)

    def mark(self, one: "Connection", busy: bool) -> None:
        """Marks a connection as busy, with a request that is not answered yet, or as idle."""
        if one not in self._idle and one not in self._busy:
            return
        self.remove(one)
        if busy:
            self._busy.add(one)
        else:
            self._idle[one] = time.monotonic()


class Connection(web.RequestHandler):
    """A connection with limits.

    Args:
      book: counts the connection.
      server: aiohttp's server, which answers.
      options: passed to aiohttp's handler.
    """

    __slots__ = (
        "_ahead",
        "_ahead_bytes",
        "_body",
        "_book",
        "_head",
        "_is_busy",
        "_unread",
        "is_surplus",
    )

    def __init__(self, book: Book, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self.is_surplus = False
        self._book = book
        self._is_busy = False
        self._body: Any = None
        self._head: _Timer | None = None
        self._unread: _Timer | None = None
        self._ahead: _Timer | None = None
        self._ahead_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Counts the connection and starts the timeout for its first request's head."""
        # So that writing is paused exactly while the client has not read everything.
        cast(asyncio.Transport, transport).set_write_buffer_limits(high=0)
        super().connection_made(transport)
        self._begin_head()
        self._book.add(self)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Removes the connection and its timers."""
        self._book.remove(self)
        self._stop_timers()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receives data; limits what is pipelined and starts the timeout of a further request."""
        body_is_there = self._body is None or self._body.is_eof()
        if data and body_is_there and self._is_busy:
            self._ahead_bytes += len(data)
            if self._ahead_bytes > self._book.limits.max_pipelined_bytes:
                self._hold_back()
        elif data and body_is_there and self._head is None:
            self._begin_head()
        super().data_received(data)

    def pause_writing(self) -> None:
        """Starts the timeout for the client to read what was written."""
        super().pause_writing()
        self._unread = self._later(self._book.limits.write_timeout_s, self.abort)

    def resume_writing(self) -> None:
        """Stops that timeout: the client has read everything."""
        super().resume_writing()
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def begin(self, request: web.BaseRequest) -> None:
        """Marks that a request's head is complete."""
        if self._head is not None:
            self._head.cancel()
            self._head = None
        self._is_busy, self._ahead_bytes = True, 0
        self._body = request.content
        self._book.mark(self, busy=True)

    def end(self) -> None:
        """Marks that the response is written and read."""
        self._is_busy = False
        if self._ahead is not None:
            self._ahead.cancel()
            self._ahead = None
            if self.transport is not None:
                self.transport.resume_reading()
        self._book.mark(self, busy=False)

    def abort(self) -> None:
        """Closes the connection without waiting for the client."""
        transport = self.transport
        if transport is not None:
            transport.abort()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answers a request that the parser refuses."""
        if isinstance(exc, http_exceptions.LineTooLong):
            status = _HEAD_TOO_LARGE
        return super().handle_error(request, status, exc, message)

    def _hold_back(self) -> None:
        """Stops reading, and closes the connection unless its request is answered soon.

        A client that has its response may send its next request before :meth:`end`.
        """
        if self._ahead is None and self.transport is not None:
            self.transport.pause_reading()
            self._ahead = self._later(_PIPELINED_S, self.abort)

    def _begin_head(self) -> None:
        self._head = self._later(self._book.limits.head_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        transport = self.transport
        if transport is None:
            return
        seconds = self._book.limits.head_timeout_s
        message = f"The headers of the request were not complete after {seconds} s."
        body = json.dumps({"error": message}).encode()
        lines = [
            f"HTTP/1.1 {bounds.STATUSES['head_timeout_s']} Request Timeout",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
        ]
        transport.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        self.force_close()

    def _later(self, seconds: float, call: Any) -> _Timer:
        return asyncio.get_running_loop().call_later(seconds, call)

    def _stop_timers(self) -> None:
        for timer in (self._head, self._unread, self._ahead):
            if timer is not None:
                timer.cancel()
        self._head = self._unread = self._ahead = None
