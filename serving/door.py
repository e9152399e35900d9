"""A door that speaks TensorFlow Serving's REST API and forwards to Triton.

    GET  /v1/models/NAME[/versions/V|/labels/stable]            the versions' state
    GET  /v1/models/NAME[/versions/V|/labels/stable]/metadata   signatures
    POST /v1/models/NAME[/versions/V|/labels/stable]:predict    predictions

When too many requests wait it answers 503 at once. It runs in a thread of its own.
"""

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
from aiohttp import web

from serving import client, errors, protocol, recording, signatures, tfserving
from serving.triton import model_config, process

MAX_WAITING = 256
_TIMEOUT_S = 60
_START_TIMEOUT_S = 30
# Before a request that met a dead worker is sent again.
_WAITS_S = (0.05, 0.1, 0.2)
# Base64 is a third longer than what it holds.
_BODY_FACTOR = 1.5
_ROUTE = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:predict|:classify|:regress)?"
)
STABLE = "stable"


class _Answer(Exception):  # noqa: N818
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class _Asked:
    version: str | None
    verb: str | None

    def path(self, name: str) -> str:
        end = f"/versions/{self.version}" if self.version else ""
        return f"/v2/models/{name}{end}"


class Door:
    """The door; a context manager that opens and closes it.

    Args:
      name: the model's.
      model_dir: its folder, for the signatures.
      where: where Triton listens, and the door.
      triton_url: Triton's REST.
      limits: what a request may have.
      recorder: is given what was answered; None: nothing is recorded.
    """

    def __init__(
        self,
        name: str,
        model_dir: Path,
        where: process.Addresses,
        triton_url: str,
        limits: model_config.Limits,
        recorder: recording.Recorder | None = None,
    ) -> None:
        self._name = name
        self._model_dir = model_dir
        self._where = where
        self._triton_url = triton_url
        self._limits = limits
        self._recorder = recorder
        self._waiting = 0
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
        application = web.Application(client_max_size=largest)
        application.router.add_route("*", "/{path:.*}", self._handle)
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            self._triton_url, timeout=timeout, connector=connector
        ) as self._session:
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=_TIMEOUT_S)
            await runner.setup()
            await web.TCPSite(runner, self._where.host, self._where.rest_port).start()
            self._open.set()
            await self._closing.wait()
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        headers = {}
        try:
            status, content = 200, await self._answer(request)
        except tfserving.MalformedError as error:
            status, content = 400, {"error": str(error)}
        except web.HTTPRequestEntityTooLarge:
            limit = self._limits.max_request_bytes
            status, content = (
                413,
                {"error": f"The request is too large; allowed are {limit} bytes."},
            )
        except _Answer as error:
            status, content = error.status, {"error": str(error)}
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError) as error:
            status, content = 503, {"error": f"The model server does not answer ({error!r})."}
        if status == 503:
            headers["Retry-After"] = "1"
        return web.json_response(content, status=status, headers=headers)

    async def _answer(self, request: web.Request) -> dict[str, Any]:
        asked = self._route(request)
        if request.method == "GET" and asked.verb is None:
            return tfserving.status(await self._entries(asked))
        if request.method == "GET" and asked.verb == "/metadata":
            return await self._metadata(asked)
        if request.method == "POST" and asked.verb == ":predict":
            if self._waiting >= MAX_WAITING:
                raise _Answer(503, f"{MAX_WAITING} requests are waiting; try again later.")
            self._waiting += 1
            try:
                return await self._predict(asked, await request.read())
            finally:
                self._waiting -= 1
        raise _Answer(400, f"Malformed request: {request.method} {request.path}")

    def _route(self, request: web.Request) -> _Asked:
        match = _ROUTE.fullmatch(request.path)
        if match is None:
            raise _Answer(404, f"Malformed request: {request.method} {request.path}")
        label, version = match["label"], match["version"]
        if match["model"] != self._name:
            which = (
                f"Specific({match['model']}, {version})" if version else f"Latest({match['model']})"
            )
            raise _Answer(404, f"Servable not found for request: {which}")
        if label not in (None, STABLE):
            raise _Answer(400, f"Unrecognized servable version label: {label}")
        return _Asked(version, match["verb"])

    async def _entries(self, asked: _Asked) -> list[Mapping[str, str]]:
        """What Triton knows of the versions asked for, the newest first."""
        async with self._session.post("/v2/repository/index") as response:
            known = await response.json()
        entries = [
            one
            for one in known
            if one["name"] == self._name and asked.version in (None, one.get("version", ""))
        ]
        if not any("version" in one for one in entries):
            raise _Answer(404, f"Could not find version {asked.version} of model {self._name}")
        return sorted(entries, key=lambda one: -int(one["version"]))

    async def _metadata(self, asked: _Asked) -> dict[str, Any]:
        ready = [one for one in await self._entries(asked) if one.get("state") == "READY"]
        if not ready:
            raise _Answer(404, f"Servable not found for request: {asked.path(self._name)}")
        version = ready[0]["version"]
        try:
            found = signatures.offered(self._model_dir / version)
        except errors.UserError as error:
            raise _Answer(404, str(error)) from error
        return tfserving.metadata(self._name, version, found)

    async def _predict(self, asked: _Asked, body: bytes) -> dict[str, Any]:
        given = tfserving.parse(body, client.IMAGE_INPUT)
        size = self._limits.max_batch
        chunks = [given.items[start : start + size] for start in range(0, len(given.items), size)]
        parts = [await self._forward(asked, chunk, given.signature) for chunk in chunks]
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        if self._recorder is not None and self._recorder.takes():
            await asyncio.to_thread(self._recorder.write, given.items)
        return tfserving.answer(outputs, given.row)

    async def _forward(
        self, asked: _Asked, items: list[bytes], signature: str
    ) -> dict[str, np.ndarray]:
        parameters = {"signature": signature}
        body, headers = protocol.request(client.IMAGE_INPUT, items, [], parameters)
        path = f"{asked.path(self._name)}/infer"
        waits_s = iter(_WAITS_S)
        while True:
            async with self._session.post(path, data=body, headers=headers) as response:
                content = await response.read()
                if response.status == 200:
                    length = int(response.headers[protocol.HEADER_LENGTH])
                    return protocol.answer(content, length).outputs
                failure = _failure(response.status, content)
            wait_s = next(waits_s, None) if failure.status == 503 else None
            if wait_s is None:
                raise failure
            await asyncio.sleep(wait_s)  # one worker is dead; the next request may find another


def _failure(status: int, content: bytes) -> _Answer:
    try:
        message = str(json.loads(content)["error"])
    except (KeyError, TypeError, ValueError):
        message = content[:200].decode(errors="replace")
    if "is not healthy" in message:
        status = 503
    elif "unknown version" in message or "unknown model" in message:
        status = 404
    return _Answer(status, message)
