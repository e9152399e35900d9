"""The gateway: TensorFlow Serving's REST API, the Open Inference Protocol and a page.

    /v1/…       see tfserving_api.py
    /v2/…       see openinference_api.py
    /, /page/…  see page.py

With a token configured, every path but the page and health requires it. Requests from web pages:
see origins.py. Triton itself listens on a Unix socket that only this user can reach: it answers
many malformed requests with 500 and crashes on some. So every request is parsed and validated here
first. Every resource of a request is bounded, see bounds.py. Before a model is loaded, requests get
503 at once. The gateway runs in its own thread.
"""

import asyncio
import concurrent.futures
import contextlib
import ctypes
import gc
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from aiohttp import http_exceptions, web

from serving import errors
from serving.gateway import (
    access,
    admission,
    answers,
    bounds,
    connections,
    http_errors,
    json_body,
    openinference_api,
    origins,
    page,
    tfserving_api,
    triton_http,
    upstream,
)
from serving.replay import recording

_START_TIMEOUT_S = 30
# How long a refused client may still send before its connection is closed.
_LINGERING_S = 1.0
# Connections that the kernel queues, and those accepted before others are read from.
_BACKLOG = 1024
_AT_ONCE = 64
# For work that keeps a core busy: parsing large requests, encoding large responses.
_THREADS = 4
_MAX_MESSAGE_LENGTH = 500
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 1 << 20
_BROKEN_HTTP = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
_OPEN = ("GET", "HEAD")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """The HTTP gateway; a context manager that starts and stops it.

    Args:
      name: the model's name.
      model_dir: the model's folder, for the signatures.
      sockets: listening sockets; the caller closes them.
      triton_socket: the path of Triton's REST socket, a Unix socket.
      hosts: the host names of the server.
      limits: the bounds of a request.
      given_up: see ``upstream.Upstream``.
      recorder: receives the answered requests; None: nothing is recorded.
      token: required of clients; None: none is required.
    """

    def __init__(
        self,
        name: str,
        model_dir: Path,
        sockets: Sequence[socket.socket],
        triton_socket: str,
        hosts: origins.Hosts,
        limits: bounds.Limits,
        given_up: Callable[[str, float], None],
        recorder: recording.Recorder | None = None,
        token: access.Token | None = None,
    ) -> None:
        self._name = name
        self._model_dir = model_dir
        self._sockets = sockets
        self._triton_socket = triton_socket
        self._hosts = hosts
        self._limits = limits
        self._given_up = given_up
        self._recorder = recorder
        self._token = token
        self._book = connections.Book(limits)
        self._open = threading.Event()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="gateway")

    def __enter__(self) -> "Gateway":
        self._thread.start()
        self._open.wait(_START_TIMEOUT_S)
        if self._failure is not None:
            self._thread.join()
            raise errors.ServerError(f"The REST gateway does not start: {self._failure}.")
        return self

    def __exit__(self, *_: object) -> None:
        """Answers the requests in flight, then stops."""
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()

    def _run(self) -> None:
        _return_large_blocks()
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._failure = error
        finally:
            self._open.set()
            self._loop.close()

    async def _serve(self) -> None:
        limits = self._limits
        self._loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(_THREADS))
        self._admitted = admission.Admission(limits)
        self._answers = admission.Answers(limits.max_held_answer_bytes, answers.PIECE_BYTES)
        connected = triton_http.Connections(self._triton_socket)
        self._triton = upstream.Upstream(self._name, connected, limits, self._given_up)
        runner = web.AppRunner(
            self._application(),
            handler_cancellation=True,  # when the client disconnects
            shutdown_timeout=limits.model_timeout_s,
        )
        await runner.setup()
        gc.freeze()  # what is loaded stays, and the collector of cycles need not go through it while requests wait
        listening = [await self._listen(runner.server, one) for one in self._sockets]
        self._open.set()
        await self._closing.wait()
        for one in listening:
            one.close()
        await runner.cleanup()
        await self._triton.close()

    async def _listen(
        self, server: web.Server | None, listening: socket.socket
    ) -> asyncio.AbstractServer:
        assert server is not None  # noqa: S101  the runner is set up
        known, limits = server, self._limits
        logger = _logger()

        def connected() -> connections.Connection:
            return connections.Connection(
                self._book,
                known,
                access_log=None,
                logger=logger,
                # A few bytes can become gigabytes, before the token is checked.
                auto_decompress=False,
                lingering_time=_LINGERING_S,
                keepalive_timeout=limits.idle_timeout_s,
                max_line_size=limits.max_field_bytes,
                max_field_size=limits.max_field_bytes,
                max_headers=limits.max_fields,
            )

        made = await self._loop.create_server(connected, sock=listening, backlog=_AT_ONCE)
        listening.listen(_BACKLOG)
        return made

    def _application(self) -> web.Application:
        common = (self._triton, self._model_dir, self._admitted, self._limits)
        tfserving = tfserving_api.TfServingApi(*common, self._recorder)
        openinference = openinference_api.OpenInferenceApi(*common, self._recorder)
        application = web.Application(middlewares=[self._answer, self._admit, self._refuse])
        application.add_routes(page.Page(*common).routes())
        application.router.add_route("*", "/{path:v2(?:/.*)?}", openinference.answer)
        application.router.add_route("*", "/{path:.*}", tfserving.answer)
        return application

    @web.middleware
    async def _answer(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Counts a request from its head until the client has read the response."""
        connection = request.protocol
        assert isinstance(connection, connections.Connection)  # noqa: S101  _listen makes them
        connection.begin(request)
        try:
            with self._answers.answer() as held:
                request[admission.HELD] = held
                if connection.is_surplus:
                    response = await self._surplus(request, handler)
                else:
                    response = await handler(request)
                return await answers.write(request, response, self._limits.write_timeout_s)
        finally:
            connection.end()

    async def _surplus(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answers on a surplus connection: health requests, and 503 to all others."""
        if openinference_api.is_health(request) and request.method in _OPEN:
            response = await handler(request)
        else:
            message = f"{self._limits.max_connections} connections are open; try again."
            response = answers.error(bounds.STATUSES["max_connections"], message)
        response.force_close()
        return response

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Checks host, origin and token before any of the request's body is read."""
        is_read = request.method in _OPEN
        if is_read and openinference_api.is_health(request):
            return await handler(request)
        headers = request.headers
        refusal = self._hosts.refusal(request.method, headers.getall("Host", []), headers)
        if refusal is not None:
            return answers.error(403, refusal)
        if self._token is None or (is_read and request.path == "/"):
            return await handler(request)
        given = request.headers.get("Authorization")
        if self._token.admits(given):
            return await handler(request)
        reason = ' error="invalid_token"' if given else ""
        message = "A bearer token is needed: Authorization: Bearer …"
        return answers.error(401, message, {"WWW-Authenticate": f"Bearer{reason}"})

    @web.middleware
    async def _refuse(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Converts the exceptions of handlers into JSON responses."""
        try:
            return await handler(request)
        except json_body.MalformedError as error:
            return answers.error(400, str(error)[:_MAX_MESSAGE_LENGTH])
        except http_errors.HttpError as error:
            return answers.error(error.status, str(error)[:_MAX_MESSAGE_LENGTH], error.headers)


def _return_large_blocks() -> None:
    """Makes the C library return large blocks to the system, which by default it keeps.

    Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def _logger() -> logging.Logger:
    """Returns a logger without tracebacks for clients' malformed HTTP, which could fill the log."""
    logger = logging.getLogger(__name__)
    logger.addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], _BROKEN_HTTP))
    )
    return logger
