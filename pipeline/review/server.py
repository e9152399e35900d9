"""The page of a review, on this machine alone.

    GET  /               page.html; needs no token, contains nothing of the images
    GET  /api/about      what is reviewed; the queues with their progress
    GET  /api/cases      some cases of a queue: ?queue=…&offset=…&limit=…&label=…&open=true
    GET  /api/image      a picture as JPEG: ?number=…&side=…&plain=true (without its annotation)
    GET  /api/heat       evidence for the model's answer, a Grad-CAM map: ?number=…
    POST /api/decide     {"queue", "place", "action", "new", "why", "member", "adds"} → the case
    POST /api/undo       the newest decision of this session is taken back

The token is behind the # of the link, which browsers never send; every request for something carries it
in a header. Host and Origin are checked as by the gateway, whose connections are used: their number, the
time for a head, its size. Bodies, answers and pictures have their bounds here.
"""

import asyncio
import functools
import io
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import web
from PIL import Image

from data import errors
from data.files import hashing, read_back, user_files
from data.images import decode, decode_config
from pipeline.review import asked
from pipeline.review import session as sessions
from pipeline.review.annotations import Annotations
from pipeline.review.embeddings import Model
from serving.gateway import access, bounds, connections, origins, page_policy

PAGE = Path(__file__).with_name("page.html")
LOOPBACK = "127.0.0.1"
MOST_BODY_BYTES = 64 << 10
MOST_SIDE_PX = 1024
BODY_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 60.0
# Pictures that are decoded, and heat maps that are computed, at once.
AT_ONCE = 2
MOST_WAITING = 64
_LIMITS = bounds.Limits(max_connections=64)
_BACKLOG = 64
_KEPT_PICTURES = 256
_QUALITY = 88
_OPEN = ("GET", "HEAD")

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves one review.

    Args:
      session: what is reviewed.
      model: explains its answers; None: no heat maps.
      token: the secret that requests must carry; default: a new one.
      annotations: draws masks and boxes; None: images as a whole have labels.
    """

    def __init__(
        self,
        session: sessions.Session,
        model: Model | None = None,
        token: str | None = None,
        annotations: Annotations | None = None,
    ) -> None:
        self._session, self._model, self._annotations = session, model, annotations
        self._token = access.Token(token or secrets.token_urlsafe(24))
        self._hosts = origins.Hosts(LOOPBACK)
        self._book = connections.Book(_LIMITS)
        self._waiting = 0
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._picture = functools.lru_cache(maxsize=_KEPT_PICTURES)(self._drawn)

    async def serve(self, listening: socket.socket, ready: Callable[[str], None]) -> None:
        """Serves until the task is cancelled.

        Args:
          listening: a socket that is bound to loopback.
          ready: called with the link, which holds the token.
        """
        runner = web.AppRunner(self.application(), handler_cancellation=True)
        await runner.setup()
        assert runner.server is not None  # noqa: S101  the runner is set up
        made = functools.partial(
            connections.Connection,
            self._book,
            runner.server,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=_LIMITS.idle_timeout_s,
            max_line_size=_LIMITS.max_field_bytes,
            max_field_size=_LIMITS.max_field_bytes,
            max_headers=_LIMITS.max_fields,
        )
        server = await asyncio.get_running_loop().create_server(
            made, sock=listening, backlog=_BACKLOG
        )
        try:
            ready(self.link(int(listening.getsockname()[1])))
            await asyncio.Event().wait()
        finally:
            server.close()
            await runner.cleanup()

    def link(self, port: int) -> str:
        """Returns the link to the page, which holds the token."""
        return f"http://{LOOPBACK}:{port}/#{self._token.value}"

    def application(self) -> web.Application:
        """Returns the application: the routes behind the checks of who asks."""
        made = web.Application(
            middlewares=[self._count, self._admit, self._refuse], client_max_size=MOST_BODY_BYTES
        )
        made.add_routes(
            [
                web.get("/", self._page),
                web.get("/api/about", self._about),
                web.get("/api/cases", self._cases),
                web.get("/api/image", self._image),
                web.get("/api/heat", self._heat),
                web.post("/api/decide", self._decide),
                web.post("/api/undo", self._undo),
            ]
        )
        return made

    @web.middleware
    async def _count(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Counts a request from its head to its answer."""
        connection = request.protocol
        is_counted = isinstance(connection, connections.Connection)
        if is_counted:
            connection.begin(request)  # type: ignore[attr-defined]
        try:
            if getattr(connection, "is_surplus", False):
                return _error(503, "Too many connections are open; try again.")
            return await handler(request)
        finally:
            if is_counted:
                connection.end()  # type: ignore[attr-defined]

    @web.middleware
    async def _admit(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Checks host, origin and token before anything of the body is read."""
        headers = request.headers
        refusal = self._hosts.refusal(request.method, headers.getall("Host", []), headers)
        if refusal is not None:
            return _error(403, "This address or page may not use the review.")
        if request.path == "/" and request.method in _OPEN:
            return await handler(request)
        if not self._token.admits(headers.get("Authorization")):
            return _error(401, "Open the link that the command printed; it holds a token.")
        if self._waiting >= MOST_WAITING:
            return _error(503, "Too many requests wait; try again.")
        self._waiting += 1
        try:
            return await asyncio.wait_for(handler(request), ANSWER_TIMEOUT_S)
        except asyncio.TimeoutError:
            return _error(504, f"No answer within {ANSWER_TIMEOUT_S:g} s.")
        finally:
            self._waiting -= 1

    @web.middleware
    async def _refuse(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Answers in JSON what a handler refuses."""
        try:
            return await handler(request)
        except errors.UserError as error:
            return _error(400, str(error)[:500])
        except web.HTTPRequestEntityTooLarge:
            return _error(413, f"A request has at most {MOST_BODY_BYTES:,} bytes.")
        except web.HTTPException as error:
            return _error(error.status, error.reason)

    async def _page(self, request: web.Request) -> web.Response:
        html = PAGE.read_bytes()
        policy = {"Content-Security-Policy": page_policy.policy(html.decode())}
        return web.Response(
            body=html,
            content_type="text/html",
            charset="utf-8",
            headers={**page_policy.HEADERS, **policy},
        )

    async def _about(self, request: web.Request) -> web.Response:
        about = await asyncio.to_thread(self._session.about)
        colours = self._annotations.colours if self._annotations else []
        return _json({**about, "explains": bool(self._model), "colours": colours})

    async def _cases(self, request: web.Request) -> web.Response:
        query = request.query
        found = await asyncio.to_thread(
            self._session.cases,
            asked.kind(query.get("queue", "")),
            asked.number(query.get("offset", "0"), "offset", 1 << 31),
            asked.number(query.get("limit", "1"), "limit", sessions.MOST_CASES),
            query.get("label", ""),
            query.get("open") == "true",
        )
        return _json(found)

    async def _image(self, request: web.Request) -> web.Response:
        number = asked.number(request.query.get("number", ""), "number", 1 << 31)
        side = asked.number(request.query.get("side", "512"), "side", MOST_SIDE_PX)
        is_plain = request.query.get("plain") == "true"
        async with self._slots:
            picture = await asyncio.to_thread(self._picture, number, max(side, 16), is_plain)
        if picture is None:
            return _error(404, "The file is not there any more, or has changed.")
        return web.Response(
            body=picture, content_type="image/jpeg", headers={**page_policy.HEADERS}
        )

    async def _heat(self, request: web.Request) -> web.Response:
        number = asked.number(request.query.get("number", ""), "number", 1 << 31)
        async with self._slots:
            heat = await asyncio.to_thread(self._explained, number)
        if heat is None:
            return _error(404, "The model has no heat map for this image.")
        height, width = heat.shape
        values = np.rint(np.clip(heat, 0, 1) * 255).astype(int).ravel().tolist()
        return _json({"width": width, "height": height, "values": values})

    async def _decide(self, request: web.Request) -> web.Response:
        body = await asyncio.wait_for(request.read(), BODY_TIMEOUT_S)
        wanted = read_back.from_json(body, "request", asked.Decision)
        decided = functools.partial(
            self._session.decide,
            wanted.kind,
            wanted.place,
            wanted.action,
            wanted.new,
            wanted.why,
            wanted.member,
            wanted.adds,
        )
        return _json(await asyncio.to_thread(decided))

    async def _undo(self, request: web.Request) -> web.Response:
        return _json({"steps": await asyncio.to_thread(self._session.undo)})

    def _content(self, number: int) -> bytes | None:
        """Returns the bytes of an image's file if they are still those that were ingested."""
        root, image = self._session.image(number)
        content = user_files.read(root, image.path, decode_config.Limits().max_bytes)
        if not isinstance(content, bytes) or hashing.sha256(content) != image.sha256:
            return None
        return content

    def _drawn(self, number: int, side: int, is_plain: bool) -> bytes | None:
        content = self._content(number)
        found = content and decode.decode(content, decode_config.DecodeConfig())
        if not isinstance(found, decode.Decoded):
            return None
        buffer = io.BytesIO()
        with Image.open(io.BytesIO(found.encoded)) as image:
            image.draft("RGB", (2 * side, 2 * side))
            picture = image.convert("RGB")
            picture.thumbnail((side, side))
            if self._annotations and not is_plain:
                picture = Image.fromarray(self._annotations.drawn(number, np.asarray(picture)))
            picture.save(buffer, "JPEG", quality=_QUALITY)
        return buffer.getvalue()

    def _explained(self, number: int) -> np.ndarray | None:
        content = self._content(number)
        return self._model.explain(content) if self._model and content else None


def _json(value: Any) -> web.Response:
    return web.json_response(value, headers=page_policy.HEADERS)


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": message}, status=status, headers=page_policy.HEADERS)
