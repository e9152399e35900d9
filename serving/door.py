"""The doors for clients: TensorFlow Serving's REST API, the Open Inference Protocol and a page.

    GET  /v1/models/NAME[/versions/V|/labels/stable]            the versions' state
    GET  /v1/models/NAME[/versions/V|/labels/stable]/metadata   signatures
    POST /v1/models/NAME[/versions/V|/labels/stable]:predict    predictions
    /v2/…                                                       see passage.py
    /, /page/…                                                  see page.py

With a token, all but the page itself and health asks for it. What a page in a browser may ask:
origins.py. Triton itself has a Unix socket that this user alone reaches: much that is malformed it
answers with 500, and some of it ends it. So nothing reaches it that was not understood here. Before
a model is loaded, and when too many requests wait, the answer is 503, at once. The doors run in a
thread of their own.
"""

import asyncio
import contextlib
import ctypes
import logging
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import http_exceptions, web

from serving import (
    access,
    admission,
    client,
    errors,
    json_body,
    origins,
    page,
    passage,
    recording,
    signatures,
    tfserving,
    upstream,
)
from serving.triton import model_config

_TIMEOUT_S = 60
_START_TIMEOUT_S = 30
# Triton writes a line to its log for every new connection.
_KEPT_S = 300
# Base64 is a third longer than what it holds.
_BODY_FACTOR = 1.5
# Times the largest batch: so many instances may a request of TensorFlow Serving's API have.
_MAX_BATCHES = 8
_MAX_MESSAGE_LENGTH = 500
_M_MMAP_THRESHOLD = -3
_LARGE_BLOCK_BYTES = 1 << 20
_ROUTE = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:predict|:classify|:regress)?"
)
STABLE = "stable"
_BROKEN_HTTP = (http_exceptions.HttpProcessingError, web.RequestPayloadError)
_OPEN = ("GET", "HEAD")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class _Asked:
    version: str | None
    verb: str | None


class Door:
    """The door; a context manager that opens and closes it.

    Args:
      name: the model's.
      model_dir: its folder, for the signatures.
      sockets: listen for clients; they stay the caller's.
      triton_socket: the path of Triton's REST, a Unix socket.
      hosts: what the server is known as.
      limits: what a request may have.
      given_up: see ``upstream.Upstream``.
      recorder: is given what was answered; None: nothing is recorded.
      token: without it nobody is answered; None: everybody is.
    """

    def __init__(
        self,
        name: str,
        model_dir: Path,
        sockets: Sequence[socket.socket],
        triton_socket: str,
        hosts: origins.Hosts,
        limits: model_config.Limits,
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
        self._open = threading.Event()
        self._failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="rest door")

    def __enter__(self) -> "Door":
        self._thread.start()
        self._open.wait(_START_TIMEOUT_S)
        if self._failure is not None:
            self._thread.join()
            raise errors.ServerError(f"The REST door does not open: {self._failure}.")
        return self

    def __exit__(self, *_: object) -> None:
        """Answers what is in flight, then closes."""
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
        largest = int(limits.max_request_bytes * _BODY_FACTOR) + 65536
        self._admitted = admission.Admission(limits.max_request_bytes, largest)
        async with aiohttp.ClientSession(
            "http://triton",
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_S),
            connector=aiohttp.UnixConnector(
                self._triton_socket, limit=0, keepalive_timeout=_KEPT_S
            ),
            headers={"Accept-Encoding": "identity"},  # Triton would compress, on this machine
        ) as session:
            self._triton = upstream.Upstream(self._name, session, self._given_up)
            runner = web.AppRunner(
                self._application(),
                access_log=None,
                logger=_logger(),
                shutdown_timeout=_TIMEOUT_S,
            )
            await runner.setup()
            for listening in self._sockets:
                await web.SockSite(runner, listening).start()
            self._open.set()
            await self._closing.wait()
            await runner.cleanup()

    def _application(self) -> web.Application:
        passed = passage.Passage(
            self._name, self._triton, self._admitted, self._limits, self._recorder
        )
        application = web.Application(middlewares=[self._admit, self._refuse])
        application.add_routes(page.Page(self._triton, self._admitted, self._limits).routes())
        application.router.add_route("*", "/{path:v2(?:/.*)?}", passed.answer)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answers those who may ask, before anything of their request's body is read."""
        is_read = request.method in _OPEN
        if is_read and passage.is_health(request):
            return await handler(request)
        headers = request.headers
        refusal = self._hosts.refusal(request.method, headers.getall("Host", []), headers)
        if refusal is not None:
            return web.json_response({"error": refusal}, status=403)
        if self._token is None or (is_read and request.path == "/"):
            return await handler(request)
        given = request.headers.get("Authorization")
        if self._token.admits(given):
            return await handler(request)
        reason = ' error="invalid_token"' if given else ""
        return web.json_response(
            {"error": "A bearer token is needed: Authorization: Bearer …"},
            status=401,
            headers={"WWW-Authenticate": f"Bearer{reason}"},
        )

    @web.middleware
    async def _refuse(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answers in JSON where a handler raises."""
        try:
            return await handler(request)
        except json_body.MalformedError as error:
            status, message = 400, str(error)
        except upstream.Answered as error:
            status, message = error.status, str(error)
        headers = {"Retry-After": "1"} if status == 503 else {}
        content = {"error": message[:_MAX_MESSAGE_LENGTH]}
        return web.json_response(content, status=status, headers=headers)

    async def _handle(self, request: web.Request) -> web.Response:
        return web.json_response(await self._answer(request))

    async def _answer(self, request: web.Request) -> dict[str, Any]:
        asked = self._route(request)
        if request.method == "GET" and asked.verb is None:
            return tfserving.status(await self._triton.entries(asked.version))
        if request.method == "GET" and asked.verb == "/metadata":
            return await self._metadata(asked)
        if request.method == "POST" and asked.verb == ":predict":
            async with self._admitted.body(request) as body:
                return await self._predict(asked, body)
        raise upstream.Answered(400, f"Malformed request: {request.method} {request.path}")

    def _route(self, request: web.Request) -> _Asked:
        match = _ROUTE.fullmatch(request.path)
        if match is None:
            raise upstream.Answered(404, f"Malformed request: {request.method} {request.path}")
        label, version = match["label"], match["version"]
        if match["model"] != self._name:
            which = (
                f"Specific({match['model']}, {version})" if version else f"Latest({match['model']})"
            )
            raise upstream.Answered(404, f"Servable not found for request: {which}")
        if label not in (None, STABLE):
            raise upstream.Answered(400, f"Unrecognized servable version label: {label}")
        return _Asked(version, match["verb"])

    async def _metadata(self, asked: _Asked) -> dict[str, Any]:
        ready = [
            one for one in await self._triton.entries(asked.version) if one.get("state") == "READY"
        ]
        if not ready:
            raise upstream.Answered(404, f"Servable not found for request: /v2/models/{self._name}")
        version = ready[0]["version"]
        try:
            found = signatures.offered(self._model_dir / version)
        except errors.UserError as error:
            raise upstream.Answered(404, str(error)) from error
        return tfserving.metadata(self._name, version, found)

    async def _predict(self, asked: _Asked, body: bytes) -> dict[str, Any]:
        size = self._limits.max_batch
        given = tfserving.parse(body, client.IMAGE_INPUT, _MAX_BATCHES * size)
        chunks = [given.items[start : start + size] for start in range(0, len(given.items), size)]
        parts = [
            (await self._triton.infer(chunk, given.signature, asked.version)).outputs
            for chunk in chunks
        ]
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if self._recorder is not None and self._recorder.takes():
            await asyncio.to_thread(self._recorder.write, given.items)
        return tfserving.answer(outputs, given.row)


def _return_large_blocks() -> None:
    """Makes the C library give back what large bodies took: by itself it keeps ever larger blocks.

    Source: mallopt(3), M_MMAP_THRESHOLD.
    """
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, _LARGE_BLOCK_BYTES)


def _logger() -> logging.Logger:
    """Tells of our faults alone: a stranger's broken HTTP must not fill the log with tracebacks."""
    logger = logging.getLogger(__name__)
    logger.addFilter(
        lambda record: not (record.exc_info and isinstance(record.exc_info[1], _BROKEN_HTTP))
    )
    return logger
