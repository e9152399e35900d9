"""The Open Inference Protocol through the REST door: what a client needs, and nothing that changes the server.

    GET  /v2/health/live|ready                                   open to all
    GET  /v2, /v2/models/NAME[/versions/V][/ready|/config]
    POST /v2/models/NAME[/versions/V]/infer, /v2/repository/index

So with a token, which Triton's own ports do not know, one door is enough. The front door in
serving/manifests lets the same pass.
"""

import re

from aiohttp import web

from serving import protocol, upstream

_HEALTH = "/v2/health/(live|ready)"
_ROUTE = re.compile(
    f"/v2|{_HEALTH}|(?P<index>/v2/repository/index)"
    r"|/v2/models/(?P<model>[^/]+)(/versions/\d+)?(/(ready|config|(?P<infer>infer)))?"
)
# Of a request and of its answer.
_HEADERS = ("Content-Type", protocol.HEADER_LENGTH)


def is_health(request: web.Request) -> bool:
    """Whether it only asks whether the server runs."""
    return re.fullmatch(_HEALTH, request.path) is not None


class Forward:
    """Passes requests on to Triton.

    Args:
      triton: where to.
    """

    def __init__(self, triton: upstream.Upstream) -> None:
        self._triton = triton

    async def handle(self, request: web.Request) -> web.Response:
        """Answers what Triton answers.

        Raises:
          upstream.AnswerError: this does not pass, or another model is meant.
        """
        match = _ROUTE.fullmatch(request.path)
        if match is None or match["model"] not in (None, self._triton.name):
            raise upstream.AnswerError(404, f"There is no {request.path} here.")
        allowed = "POST" if match["index"] or match["infer"] else "GET"
        if request.method != allowed:
            raise upstream.AnswerError(405, f"{request.path} takes {allowed} alone.")
        if match["infer"]:
            with self._triton.place():
                return await self._pass_on(request)
        return await self._pass_on(request)

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        body = await request.read() if request.method == "POST" else None
        status, answered, content = await self._triton.send(
            request.method, request.path, body, headers
        )
        kept = {name: answered[name] for name in _HEADERS if name in answered}
        return web.Response(body=content, status=status, headers=kept)
