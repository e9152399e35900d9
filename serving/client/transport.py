"""HTTP with the standard library, with connections kept alive. Tests can replace the transport."""

import contextlib
import http.client
import selectors
import socket
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from serving import errors, read_back
from serving.triton import failures


@dataclass(frozen=True)
class Request:
    """An HTTP request.

    Attributes:
      timeout_s: the longest that each wait for the network may take.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float = 10.0


@dataclass(frozen=True)
class Response:
    """An HTTP response; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Raises errors.UnreachableError or errors.NoAnswerError; returns a response of any status.
Transport = Callable[[Request], Response]


class _UnixConnection(http.client.HTTPConnection):
    """An HTTP connection through a Unix socket."""

    def __init__(self, host: str, path: str) -> None:
        super().__init__(host)
        self._path = path

    def connect(self) -> None:
        connected = socket.socket(socket.AF_UNIX)
        try:
            connected.settimeout(self.timeout)
            connected.connect(self._path)
        except BaseException:
            connected.close()
            raise
        self.sock = connected


class HttpTransport:
    """Sends requests over kept connections; safe for several threads.

    Args:
      unix_path: the Unix socket for all requests, whatever host their URL has; None: TCP.
    """

    def __init__(self, unix_path: str | None = None) -> None:
        self._unix_path = unix_path
        self._lock = threading.Lock()
        self._idle: dict[tuple[str, str], list[http.client.HTTPConnection]] = {}

    def __call__(self, request: Request) -> Response:
        """Sends a request.

        Raises:
          errors.UnreachableError: no connection, or it broke.
          errors.NoAnswerError: no response in time.
        """
        parts = urllib.parse.urlsplit(request.url)
        address = f"{parts.scheme}://{parts.netloc}"
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        connection = self._take(parts, request.timeout_s)
        try:
            connection.request(request.method, target, request.body, dict(request.headers))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            response = Response(answer.status, headers, answer.read())
        except TimeoutError as error:
            connection.close()
            message = f"{address} gave no answer within {request.timeout_s:.3g} s."
            raise errors.NoAnswerError(message, request.url) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            message = f"{address} cannot be reached ({error or type(error).__name__})."
            raise errors.UnreachableError(message, request.url) from error
        with self._lock:
            self._idle.setdefault((parts.scheme, parts.netloc), []).append(connection)
        return response

    def close(self) -> None:
        """Closes the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                connection.close()

    def _take(
        self, parts: urllib.parse.SplitResult, timeout_s: float
    ) -> http.client.HTTPConnection:
        """Returns an idle connection, or a new one."""
        with self._lock:
            idle = self._idle.get((parts.scheme, parts.netloc), [])
            connection = None
            while idle and connection is None:
                connection = _if_open(idle.pop())
        if connection is None and self._unix_path is not None:
            connection = _UnixConnection(parts.netloc, self._unix_path)
        elif connection is None:
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            connection = kinds[parts.scheme](parts.netloc)
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection


def _if_open(connection: http.client.HTTPConnection) -> http.client.HTTPConnection | None:
    """Returns an idle connection, or closes it if the server has: nothing else makes it readable."""
    if connection.sock is not None:
        with selectors.DefaultSelector() as selector:
            selector.register(connection.sock, selectors.EVENT_READ)
            if selector.select(0):
                connection.close()
                return None
    return connection


def error(response: Response, url: str) -> errors.RequestError:
    """Returns the error for a response with a status other than 200."""
    status, message = response.status, response.body[:200].decode(errors="replace")
    with contextlib.suppress(KeyError, TypeError, ValueError):
        message = str(read_back.parse(response.body)["error"])
    sentence = f"{url} answered {status}: {message or 'no reason given'}"
    failure = failures.of(message)
    # Triton answers 500 between a worker's death and its replacement.
    if status in (429, 503) or failure is failures.Failure.WORKER_LOST:
        after = response.headers.get("retry-after", "")
        return errors.UnavailableError(sentence, url, float(after) if after.isdecimal() else None)
    if status == 404 or failure is failures.Failure.NOT_SERVED:
        return errors.NotServedError(sentence, url)
    if status == 413:
        return errors.TooLargeError(sentence, url)
    return (errors.RefusedError if 400 <= status < 500 else errors.FaultError)(sentence, url)
