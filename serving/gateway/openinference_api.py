"""Forwards the allowed requests of the Open Inference Protocol to Triton; refuses the others.

    GET  /v2, /v2/health/live, /v2/health/ready
    GET  /v2/models/NAME[/versions/V][/ready|/config|/stats]
    POST /v2/models/NAME[/versions/V]/infer
    POST /v2/repository/index

Triton's other requests load models, map shared memory, and change its log and its traces.
"""

import re

from aiohttp import web

from serving.client import client, protocol
from serving.gateway import (
    admission,
    answers,
    api,
    http_errors,
    openinference_format,
    request_cost,
    triton_http,
    upstream,
)

_HEALTH = ("/v2/health/live", "/v2/health/ready")
_ASKED = re.compile(
    r"/v2(/health/(live|ready))?"
    r"|/v2/models/(?P<model>[^/]+)(/versions/[0-9]{1,18})?(/(?P<verb>ready|config|stats|infer))?"
)
_INDEX = "/v2/repository/index"
_PASSED = ("Content-Type", protocol.HEADER_LENGTH)


def is_health(request: web.Request) -> bool:
    """Returns whether it is a health request."""
    return request.path in _HEALTH


class OpenInferenceApi(api.Api):
    """Answers the requests of the Open Inference Protocol, see :class:`api.Api`."""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answers one request.

        Raises:
          json_body.MalformedError: it is malformed.
          http_errors.HttpError: it is not answered with 200.
        """
        match = _ASKED.fullmatch(request.path)
        if request.path != _INDEX and match is None:
            raise http_errors.HttpError(404, "There is nothing here.")
        if match is not None and match["model"] not in (None, self._triton.name):
            raise http_errors.HttpError(404, f"Request for unknown model: {match['model'][:200]!r}")
        infers = match is not None and match["verb"] == "infer"
        needed = "POST" if infers or match is None else "GET"
        if request.method != needed:
            raise http_errors.HttpError(405, f"Only {needed} is allowed here.")
        if is_health(request):
            found = await self._triton.health(request.path)
        elif infers:
            found = await self._infer(request)
        else:
            found = await self._triton.ask(needed, request.path)
        headers = {
            key: found.headers[key.lower()] for key in _PASSED if key.lower() in found.headers
        }
        return answers.whole(found.body, headers)

    async def _infer(self, request: web.Request) -> triton_http.Reply:
        async with self._admitted.body(request) as body:
            asking = self._asked(request, body)
            del body  # so that it is in memory only once
            return await self._triton.within_time(asking)

    async def _asked(self, request: web.Request, body: bytes) -> triton_http.Reply:
        length = request.headers.get(protocol.HEADER_LENGTH)
        rewritten, headers, cost = await self._parse(
            body, lambda content: self._understood(content, length)
        )
        del body
        work = upstream.Work(cost, request[admission.HELD])
        found = await self._triton.run(request.path, rewritten, headers, work)
        self._refuse_values(found)
        length_sent = int(headers[protocol.HEADER_LENGTH])
        await self._record(lambda: openinference_format.images(rewritten, length_sent))
        return found

    def _understood(self, body: bytes, length: str | None) -> tuple[bytes, dict[str, str], int]:
        """Returns the request to forward, its headers and its cost."""
        rewritten, headers = openinference_format.request(
            body, length, client.IMAGE_INPUT, self._limits
        )
        images = openinference_format.images(rewritten, int(headers[protocol.HEADER_LENGTH]))
        return (
            rewritten,
            headers,
            request_cost.of(images, request_cost.pixels(images, self._limits)),
        )

    def _refuse_values(self, found: triton_http.Reply) -> None:
        """Limits the values of a binary response; of a JSON response only the bytes are limited."""
        if upstream.HEADER_LENGTH in found.headers:
            length = int(found.headers[upstream.HEADER_LENGTH])
            request_cost.refuse_values(protocol.value_count(found.body, length), self._limits)
