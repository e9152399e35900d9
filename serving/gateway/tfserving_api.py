"""Answers TensorFlow Serving's REST API.

GET  /v1/models/NAME[/versions/V|/labels/stable]            the versions' state
GET  /v1/models/NAME[/versions/V|/labels/stable]/metadata   signatures
POST /v1/models/NAME[/versions/V|/labels/stable]:predict    predictions
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from aiohttp import web

from serving import errors
from serving.client import client
from serving.gateway import (
    admission,
    answers,
    api,
    http_errors,
    request_cost,
    tfserving_format,
    upstream,
)
from serving.versions import signatures

_ROUTE = re.compile(
    r"/v1/models/(?P<model>[^/:]+)(/versions/(?P<version>[0-9]{1,18})|/labels/(?P<label>[^/:]+))?"
    r"(?P<verb>/metadata|:predict|:classify|:regress)?"
)
STABLE = "stable"
# Up to this many values are encoded as JSON within a millisecond or two, without a thread.
_SMALL_VALUES = 2048


@dataclass(frozen=True)
class _Asked:
    version: str | None
    verb: str | None


class TfServingApi(api.Api):
    """Answers the requests of TensorFlow Serving's REST API, see :class:`api.Api`."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers one request.

        Raises:
          json_body.MalformedError: it is malformed.
          http_errors.HttpError: it is not answered with 200.
        """
        asked = self._route(request)
        if request.method == "GET" and asked.verb is None:
            entries = await self._triton.entries(asked.version)
            return web.json_response(tfserving_format.status(entries))
        if request.method == "GET" and asked.verb == "/metadata":
            return web.json_response(await self._metadata(asked))
        if request.method == "POST" and asked.verb == ":predict":
            async with self._admitted.body(request) as body:
                held = request[admission.HELD]
                return await self._triton.within_time(self._predict(asked, body, held))
        raise http_errors.HttpError(400, f"Malformed request: {request.method} {request.path}")

    def _route(self, request: web.Request) -> _Asked:
        match = _ROUTE.fullmatch(request.path)
        if match is None:
            raise http_errors.HttpError(404, f"Malformed request: {request.method} {request.path}")
        label, version = match["label"], match["version"]
        if match["model"] != self._triton.name:
            which = (
                f"Specific({match['model']}, {version})" if version else f"Latest({match['model']})"
            )
            raise http_errors.HttpError(404, f"Servable not found for request: {which}")
        if label not in (None, STABLE):
            raise http_errors.HttpError(400, f"Unrecognized servable version label: {label}")
        return _Asked(version, match["verb"])

    async def _metadata(self, asked: _Asked) -> dict[str, Any]:
        ready = [
            one for one in await self._triton.entries(asked.version) if one.get("state") == "READY"
        ]
        name = self._triton.name
        if not ready:
            raise http_errors.HttpError(404, f"Servable not found for request: /v2/models/{name}")
        version = ready[0]["version"]
        try:
            found = signatures.offered(self._model_dir / version)
        except errors.UserError as error:
            raise http_errors.HttpError(404, str(error)) from error
        return tfserving_format.metadata(name, version, found)

    async def _predict(
        self, asked: _Asked, body: bytes, held: admission.Held
    ) -> web.StreamResponse:
        given, pixels = await self._parse(body, self._understood)
        size = self._limits.max_batch
        parts: list[dict[str, np.ndarray]] = []
        values = 0
        for start in range(0, len(given.items), size):
            chunk = given.items[start : start + size]
            cost = request_cost.of(chunk, pixels[start : start + size])
            work = upstream.Work(cost, held)
            found = await self._triton.infer(chunk, given.signature, work, asked.version)
            parts.append(found.outputs)
            values += request_cost.values(found.outputs)
            # Extrapolated from the parts so far, so that the first one can refuse the request.
            request_cost.refuse_values(
                values * len(given.items) // (start + len(chunk)), self._limits
            )
        outputs = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        await self._record(lambda: given.items)
        return answers.of_json(tfserving_format.pieces(outputs, given.row), values <= _SMALL_VALUES)

    def _understood(self, body: bytes) -> tuple[tfserving_format.Predict, list[int]]:
        """Parses a request and counts the pixels of each image."""
        limits = self._limits
        given = tfserving_format.parse(
            body, client.IMAGE_INPUT, limits.max_instances, limits.max_json_values
        )
        return given, request_cost.pixels(given.items, limits)
