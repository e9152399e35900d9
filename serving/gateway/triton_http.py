"""A slim HTTP client for Triton's Unix socket.

Only the gateway's own requests go out and only Triton answers, with a Content-Length. aiohttp's client, which is for
all servers of the world, takes several times the processor time for each request.
"""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_MAX_HEAD_BYTES = 1 << 16
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
          take: is called with the size of each part of the reply's body as it arrives, and may raise.

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


class _Connection(asyncio.Protocol):
    """A connection with at most one request."""

    def __init__(self) -> None:
        self.is_open = False
        self._reply: asyncio.Future[Reply] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  of a socket
        self._transport, self.is_open = transport, True

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_open = False
        self._fail(LostError("the connection was closed"))

    async def exchange(self, content: bytes, take: Callable[[int], None]) -> Reply:
        """Sends a request and returns its reply."""
        self._take = take
        self._head = b""
        self._parts: list[bytes] = []
        self._missing = -1  # bytes of the body; unknown before the end of the head
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(content)
        return await self._reply

    def data_received(self, data: bytes) -> None:
        if self._reply is None or self._reply.done():
            self.close()  # nobody asked
            return
        try:
            self._receive(data)
        except Exception as error:  # of the reply, or of what counts it
            self._fail(error)
            self.close()

    def _receive(self, data: bytes) -> None:
        if self._missing < 0:
            head, separator, data = (self._head + data).partition(_END_OF_HEAD)
            if not separator:
                self._head = head
                if len(head) > _MAX_HEAD_BYTES:
                    raise LostError("its headers have no end")
                return
            self._status, self._headers = _parsed(head)
            self._missing = int(self._headers[_LENGTH])
        self._missing -= len(data)
        if self._missing < 0:
            raise LostError("it sent more than it said")
        if data:
            self._take(len(data))
            self._parts.append(data)
        if not self._missing and self._reply is not None:
            if self._headers.get("connection", "").lower() == "close":
                self.close()
            self._reply.set_result(Reply(self._status, self._headers, b"".join(self._parts)))

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
