"""HTTP on the standard library: one kept connection a thread. Tests put another in its place."""

import http.client
import threading
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from serving import errors


@dataclass(frozen=True)
class Request:
    """An HTTP request.

    Attributes:
      timeout_s: how long each wait for the network may last.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    timeout_s: float = 10.0


@dataclass(frozen=True)
class Response:
    """An HTTP response; the names of its headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


# Raises errors.UnreachableError or errors.NoAnswerError; every response, whatever its status, is returned.
Transport = Callable[[Request], Response]


class HttpTransport:
    """Keeps one connection a thread and server."""

    def __init__(self) -> None:
        self._kept = threading.local()

    def __call__(self, request: Request) -> Response:
        """Sends a request.

        Raises:
          errors.UnreachableError: nobody answers, or the connection broke.
          errors.NoAnswerError: no answer in time.
        """
        parts = urllib.parse.urlsplit(request.url)
        address = f"{parts.scheme}://{parts.netloc}"
        connection = self._connection(parts, request.timeout_s)
        target = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
        try:
            connection.request(request.method, target, request.body, dict(request.headers))
            answer = connection.getresponse()
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, headers, answer.read())
        except TimeoutError as error:
            connection.close()
            message = f"{address} gave no answer within {request.timeout_s:.3g} s."
            raise errors.NoAnswerError(message, request.url) from error
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            message = f"{address} cannot be reached ({error or type(error).__name__})."
            raise errors.UnreachableError(message, request.url) from error

    def close(self) -> None:
        """Closes the connections that this thread keeps."""
        for connection in self._kept.__dict__.pop("connections", {}).values():
            connection.close()

    def _connection(
        self, parts: urllib.parse.SplitResult, timeout_s: float
    ) -> http.client.HTTPConnection:
        kept = self._kept.__dict__.setdefault("connections", {})
        key = (parts.scheme, parts.netloc)
        if key not in kept:
            kinds = {"http": http.client.HTTPConnection, "https": http.client.HTTPSConnection}
            kept[key] = kinds[parts.scheme](parts.netloc)
        connection: http.client.HTTPConnection = kept[key]
        connection.timeout = timeout_s
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        return connection
