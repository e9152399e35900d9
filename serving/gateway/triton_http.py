"""A slim HTTP client for Triton's Unix socket.

Only the gateway's own requests go out and only Triton answers, with a Content-Length. aiohttp's client, which is for
all servers of the world, takes several times the processor time for each request.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_FIRST_BYTES = 1 << 16  # more than any head has
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = "content-length"


class LostError(Exception):
    """Triton cannot be reached, closed the connection, or sent no HTTP."""


@dataclass(frozen=True)
class Reply:
    """Triton's reply.

    Attributes:
      status: of HTTP.
      headers: by their names in lower case.
      body: its content.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class Connections:
    """Kept connections to a Unix socket; used only in the event loop's thread.

    Args:
      path: of the socket.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._idle: list[_Connection] = []

    async def request(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str],
        take: Callable[[int], None],
    ) -> Reply:
        """Sends a request and returns the reply.

        Args:
          method: such as POST.
          path: of the URL, percent-encoded.
          body: of the request.
          headers: beside Host and Content-Length.
          take: is called with the size of the reply's body before it is received, and may raise.

        Raises:
          LostError: there is no reply.
          Exception: what ``take`` raises.
        """
        lines = [f"{method} {path} HTTP/1.1", "Host: triton", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        content = "\r\n".join(lines).encode("ascii") + _END_OF_HEAD + body
        connection = self._kept() or await self._connect()
        try:
            reply = await connection.exchange(content, take)
        except BaseException:  # of whatever kind: what may still come belongs to no request
            connection.close()
            raise
        if connection.is_open:
            self._idle.append(connection)
        return reply

    async def close(self) -> None:
        """Closes the connections that no request uses."""
        while self._idle:
            self._idle.pop().close()
        await asyncio.sleep(0)  # in which their sockets are closed

    def _kept(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _connect(self) -> "_Connection":
        try:
            _, connection = await asyncio.get_running_loop().create_unix_connection(
                _Connection, self._path
            )
        except OSError as error:
            raise LostError(f"no connection: {error.strerror}") from error
        return connection


class _Connection(asyncio.BufferedProtocol):
    """A connection with at most one request.

    A body is received into a buffer of its size: asyncio would allocate 256 KB for each part of it, and
    cut them to what came, which leaves holes in the heap.
    """

    def __init__(self) -> None:
        self.is_open = False
        self._reply: asyncio.Future[Reply] | None = None
        self._first = bytearray(_FIRST_BYTES)  # the head, and what of the body comes with it
        self._begin()

    def _begin(self) -> None:
        self._body: bytearray | None = None  # None before the end of the head
        self._filled = 0  # bytes of the buffer that is being filled

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  of a socket
        self._transport, self.is_open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(LostError("the connection was closed"))

    async def exchange(self, content: bytes, take: Callable[[int], None]) -> Reply:
        """Sends a request and returns its reply."""
        self._take = take
        self._begin()
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(content)
        try:
            return await self._reply
        finally:
            self._reply = None  # it would live as long as the connection

    def get_buffer(self, sizehint: int) -> memoryview:
        buffer = self._first if self._body is None else self._body
        return memoryview(buffer)[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        if self._reply is None or self._reply.done():
            self.close()  # nobody asked
            return
        try:
            self._filled += nbytes
            if self._body is None:
                self._receive_head()
            if self._body is not None and self._filled == len(self._body):
                self._end(self._body)
        except Exception as error:  # of the reply, or of what counts it
            self._fail(error)
            self.close()

    def _receive_head(self) -> None:
        end = self._first.find(_END_OF_HEAD, 0, self._filled)
        if end < 0:
            if self._filled == len(self._first):
                raise LostError("its headers have no end")
            return
        self._status, self._headers = _parsed(bytes(self._first[:end]))
        length = int(self._headers[_LENGTH])
        start = end + len(_END_OF_HEAD)
        self._filled -= start
        if self._filled > length:
            raise LostError("it sent more than it said")
        if length:
            self._take(length)
        self._body = bytearray(length)
        self._body[: self._filled] = self._first[start : start + self._filled]

    def _end(self, body: bytearray) -> None:
        if self._headers.get("connection", "").lower() == "close":
            self.close()
        if self._reply is not None:
            self._reply.set_result(Reply(self._status, self._headers, bytes(body)))
        self._begin()

    def close(self) -> None:
        """Closes the connection at once."""
        self.is_open = False
        self._transport.abort()

    def _fail(self, error: Exception) -> None:
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(error)


def _parsed(head: bytes) -> tuple[int, dict[str, str]]:
    """Returns the status and the headers of a reply.

    Raises:
      LostError: it is no HTTP, or has no length.
    """
    try:
        first, *lines = head.decode("latin-1").split("\r\n")
        protocol, status, *_ = first.split(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        if not protocol.startswith("HTTP/1.") or not headers[_LENGTH].isdecimal():
            raise ValueError(first)
        return int(status), headers
    except (KeyError, ValueError) as error:
        raise LostError(f"it sent no HTTP ({error!r:.100})") from error
