"""Asks Triton for a door, and says what its answers mean to a client. B is the batch."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import aiohttp

from serving import client, protocol, read_back

# How the backend's message begins where the model itself failed.
MODEL_FAILED = "the model failed"
# How Triton's message begins where a worker was silent for a second; it names the instance.
_GIVEN_UP = re.compile("Stub process '([^']+)' is not healthy")
# Before a request that met a dead worker is sent again: another worker may take it.
_WAITS_S = (0.05, 0.1, 0.2)


class Answered(Exception):  # noqa: N818
    """An answer other than 200."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Response:
    """What Triton answered with 200."""

    body: bytes
    headers: Mapping[str, str]


class Upstream:
    """A running Triton with one model.

    Args:
      name: the model's.
      session: with Triton's address.
      given_up: is told of an instance of the model that Triton waits for no longer, and when it
        was asked, by ``time.monotonic``.
    """

    def __init__(
        self,
        name: str,
        session: aiohttp.ClientSession,
        given_up: Callable[[str, float], None] = lambda instance, asked_s: None,
    ) -> None:
        self.name = name
        self._session = session
        self._given_up = given_up

    async def entries(self, version: str | None = None) -> list[Mapping[str, str]]:
        """What Triton knows of a version, or of all, the newest first.

        Raises:
          Answered: it knows none (404), or does not answer.
        """
        known = read_back.parse((await self.ask("POST", "/v2/repository/index")).body)
        entries = [
            one
            for one in known
            if one["name"] == self.name and version in (None, one.get("version", ""))
        ]
        if not any("version" in one for one in entries):
            raise Answered(404, f"Could not find version {version} of model {self.name}")
        return sorted(entries, key=lambda one: -int(one["version"]))

    async def infer(
        self, items: Sequence[bytes], signature: str, version: str | None = None
    ) -> protocol.Answer:
        """Runs a signature on B encoded images, at most the largest batch.

        Args:
          items: the images.
          signature: its name.
          version: the model's; None: the one that is served.

        Raises:
          Answered: it was not answered with 200.
        """
        parameters = {"signature": signature}
        body, headers = protocol.request(client.IMAGE_INPUT, items, [], parameters)
        which = f"/versions/{version}" if version else ""
        found = await self.ask("POST", f"/v2/models/{self.name}{which}/infer", body, headers)
        return protocol.answer(found.body, int(found.headers[protocol.HEADER_LENGTH]))

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Response:
        """Sends a request that was checked before.

        Raises:
          Answered: it was not answered with 200.
        """
        waits_s = iter(_WAITS_S)
        while True:
            try:
                return await self._ask(method, path, body, headers)
            except Answered as error:
                wait_s = next(waits_s, None) if error.status == 503 else None
                if wait_s is None:
                    raise
            await asyncio.sleep(wait_s)

    async def _ask(
        self, method: str, path: str, body: bytes, headers: Mapping[str, str] | None
    ) -> Response:
        asked_s = time.monotonic()
        try:
            async with self._session.request(method, path, data=body, headers=headers) as response:
                content = await response.read()
                if response.status == 200:
                    return Response(content, response.headers)
                told = failure(response.status, content)
                if instance := _GIVEN_UP.match(str(told)):
                    self._given_up(instance[1], asked_s)
                raise told
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError) as error:
            message = f"The model server does not answer ({error!r})."
            raise Answered(503, message) from error


def failure(status: int, content: bytes) -> Answered:
    """What a client is told where Triton answers with an error.

    Triton says 500 to much: a worker that died, a model that failed. Requests reach it checked,
    so none of it is the client's fault. Only the model's failure would be the same another time.
    """
    try:
        message = str(read_back.parse(content)["error"])
    except (KeyError, TypeError, ValueError):
        message = content[:200].decode(errors="replace")
    if "unknown version" in message or "unknown model" in message:
        status = 404
    elif status > 500 or (status == 500 and not message.startswith(MODEL_FAILED)):
        status = 503
    return Answered(status, message)
