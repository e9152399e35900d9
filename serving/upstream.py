"""What the REST door asks of Triton. Dimension letters: B batch."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

import aiohttp
import yarl

from serving import client, protocol
from serving.triton import model_config

MAX_WAITING = 256
TIMEOUT_S = 60


class AnswerError(Exception):
    """An answer other than 200.

    Args:
      status: of HTTP.
      message: what is wrong.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Upstream:
    """Triton with one model; an asynchronous context manager that keeps the connections.

    Args:
      name: the model's.
      url: Triton's REST.
      limits: what a request may have.
    """

    def __init__(self, name: str, url: str, limits: model_config.Limits) -> None:
        self.name = name
        self.limits = limits
        self._url = url
        self._waiting = 0

    async def __aenter__(self) -> "Upstream":
        self._session = aiohttp.ClientSession(
            self._url,
            timeout=aiohttp.ClientTimeout(total=TIMEOUT_S),
            connector=aiohttp.TCPConnector(limit=0),
            headers={"Accept-Encoding": "identity"},  # Triton would compress, on this machine
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A place among the requests that wait for the model.

        Raises:
          AnswerError: 503, there is none.
        """
        if self._waiting >= MAX_WAITING:
            raise AnswerError(503, f"{MAX_WAITING} requests are waiting; try again later.")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    async def entries(self, version: str | None = None) -> list[Mapping[str, str]]:
        """What Triton knows of a version, or of all, the newest first.

        Raises:
          AnswerError: 404, it knows none.
        """
        async with self._session.post("/v2/repository/index") as response:
            known = await response.json()
        entries = [
            one
            for one in known
            if one["name"] == self.name and version in (None, one.get("version", ""))
        ]
        if not any("version" in one for one in entries):
            raise AnswerError(404, f"Could not find version {version} of model {self.name}")
        return sorted(entries, key=lambda one: -int(one["version"]))

    async def infer(
        self, items: Sequence[bytes], signature: str, version: str | None = None
    ) -> protocol.Answer:
        """Runs a signature on B encoded images, at most ``limits.max_batch``.

        Args:
          items: the images.
          signature: its name.
          version: the model's; None: the one that is served.

        Raises:
          AnswerError: Triton refuses, or fails.
        """
        parameters = {"signature": signature}
        body, headers = protocol.request(client.IMAGE_INPUT, items, [], parameters)
        which = f"/versions/{version}" if version else ""
        path = f"/v2/models/{self.name}{which}/infer"
        status, head, content = await self.send("POST", path, body, headers)
        if status != 200:
            raise failure(status, content)
        return protocol.answer(content, int(head[protocol.HEADER_LENGTH]))

    async def send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Sends any request; status, headers and body of what Triton answers."""
        url = yarl.URL.build(path=path)
        async with self._session.request(method, url, data=body, headers=headers) as response:
            return response.status, response.headers, await response.read()


def failure(status: int, content: bytes) -> AnswerError:
    """What Triton's answer other than 200 means."""
    try:
        message = str(json.loads(content)["error"])
    except (KeyError, TypeError, ValueError):
        message = content[:200].decode(errors="replace")
    if "is not healthy" in message:
        status = 503
    elif "unknown version" in message or "unknown model" in message:
        status = 404
    return AnswerError(status, message)
