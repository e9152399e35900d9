"""The REST door: TensorFlow Serving's API, the Open Inference Protocol and a page, before Triton.

    GET  /v1/models/NAME[/versions/V|/labels/stable]            the versions' state
    GET  /v1/models/NAME[/versions/V|/labels/stable]/metadata   signatures
    POST /v1/models/NAME[/versions/V|/labels/stable]:predict    predictions
    /v2/…                                                       see forward.py
    /, /page/…                                                  see page.py

With a token all but the page itself and health ask for it. When too many requests wait it answers
503 at once. It runs in a thread of its own.
"""

import asyncio
import re
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

from serving import access, client, errors, forward, page, signatures, tfserving, upstream
from serving.triton import model_config, process

_START_TIMEOUT_S = 30
# Base64 is a third longer than what it holds.
_BODY_FACTOR = 1.5
_ROUTE = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:predict|:classify|:regress)?"
)
STABLE = "stable"
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
      where: where Triton listens, and the door.
      triton_url: Triton's REST.
      limits: what a request may have.
      token: without it nobody is answered; None: everybody is.
    """

    def __init__(
        self,
        name: str,
        model_dir: Path,
        where: process.Addresses,
        triton_url: str,
        limits: model_config.Limits,
        token: access.Token | None = None,
    ) -> None:
        self._name = name
        self._model_dir = model_dir
        self._where = where
        self._limits = limits
        self._token = token
        self._triton = upstream.Upstream(name, triton_url, limits)
        self._page = page.Page(self._triton)
        self._forward = forward.Forward(self._triton)
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
        try:
            self._loop.run_until_complete(self._serve())
        except Exception as error:
            self._failure = error
        finally:
            self._open.set()
            self._loop.close()

    async def _serve(self) -> None:
        largest = int(self._limits.max_request_bytes * _BODY_FACTOR) + 65536
        guards = [self._admit, self._refuse]
        application = web.Application(client_max_size=largest, middlewares=guards)
        application.add_routes(self._page.routes())
        application.router.add_route("*", "/{path:v2(?:/.*)?}", self._forward.handle)
        application.router.add_route("*", "/{path:.*}", self._handle)
        async with self._triton:
            runner = web.AppRunner(
                application, access_log=None, shutdown_timeout=upstream.TIMEOUT_S
            )
            await runner.setup()
            await web.TCPSite(runner, self._where.rest_host, self._where.rest_port).start()
            self._open.set()
            await self._closing.wait()
            await runner.cleanup()

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answers those who may ask, before anything of their request's body is read."""
        is_open = request.path == "/" or forward.is_health(request)
        if self._token is None or (is_open and request.method in _OPEN):
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
        except tfserving.MalformedError as error:
            status, message = 400, str(error)
        except web.HTTPRequestEntityTooLarge:
            limit = self._limits.max_request_bytes
            status, message = 413, f"The request is too large; allowed are {limit} bytes."
        except upstream.AnswerError as error:
            status, message = error.status, str(error)
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError) as error:
            status, message = 503, f"The model server does not answer ({error!r})."
        headers = {"Retry-After": "1"} if status == 503 else {}
        return web.json_response({"error": message}, status=status, headers=headers)

    async def _handle(self, request: web.Request) -> web.Response:
        return web.json_response(await self._answer(request))

    async def _answer(self, request: web.Request) -> dict[str, Any]:
        asked = self._route(request)
        if request.method == "GET" and asked.verb is None:
            return tfserving.status(await self._triton.entries(asked.version))
        if request.method == "GET" and asked.verb == "/metadata":
            return await self._metadata(asked)
        if request.method == "POST" and asked.verb == ":predict":
            with self._triton.place():
                return await self._predict(asked, await request.read())
        raise upstream.AnswerError(400, f"Malformed request: {request.method} {request.path}")

    def _route(self, request: web.Request) -> _Asked:
        match = _ROUTE.fullmatch(request.path)
        if match is None:
            raise upstream.AnswerError(404, f"Malformed request: {request.method} {request.path}")
        label, version = match["label"], match["version"]
        if match["model"] != self._name:
            which = (
                f"Specific({match['model']}, {version})" if version else f"Latest({match['model']})"
            )
            raise upstream.AnswerError(404, f"Servable not found for request: {which}")
        if label not in (None, STABLE):
            raise upstream.AnswerError(400, f"Unrecognized servable version label: {label}")
        return _Asked(version, match["verb"])

    async def _metadata(self, asked: _Asked) -> dict[str, Any]:
        ready = [
            one for one in await self._triton.entries(asked.version) if one.get("state") == "READY"
        ]
        if not ready:
            raise upstream.AnswerError(
                404, f"Servable not found for request: /v2/models/{self._name}"
            )
        version = ready[0]["version"]
        try:
            found = signatures.offered(self._model_dir / version)
        except errors.UserError as error:
            raise upstream.AnswerError(404, str(error)) from error
        return tfserving.metadata(self._name, version, found)

    async def _predict(self, asked: _Asked, body: bytes) -> dict[str, Any]:
        given = tfserving.parse(body, client.IMAGE_INPUT)
        size = self._limits.max_batch
        chunks = [given.items[start : start + size] for start in range(0, len(given.items), size)]
        parts = [
            (await self._triton.infer(chunk, given.signature, asked.version)).outputs
            for chunk in chunks
        ]
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return tfserving.answer(outputs, given.row)
