"""Sends the gateway's requests to Triton and converts its errors for clients. B is the batch."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from serving import read_back
from serving.client import client, protocol
from serving.gateway import admission, bounds, http_errors, time_limit, triton_http, turns
from serving.triton import failures

# The names of a reply's headers are in lower case.
HEADER_LENGTH = protocol.HEADER_LENGTH.lower()
_HEALTH_STANDS_S = 5.0
# Waits before a request that reached a dead worker is sent again: another worker may run it.
_WAITS_S = (0.05, 0.1, 0.2)

_Result = TypeVar("_Result")


class _UnansweredError(http_errors.HttpError):
    """No worker ran the request; another one may."""

    def __init__(self, message: str, failure: failures.Failure | None = None) -> None:
        super().__init__(503, message, failure=failure)


@dataclass(frozen=True)
class Work:
    """The cost of a request.

    Attributes:
      weight: pixels plus bytes of its images.
      held: counts the bytes of its response.
    """

    weight: int
    held: admission.Held


class Upstream:
    """A running Triton with one model.

    Args:
      name: the model's name.
      connections: to Triton.
      limits: timeouts, the workers' capacity, the size of a response.
      given_up: receives an instance of the model that Triton no longer waits for, and the time of
        the request, by ``time.monotonic``.
    """

    def __init__(
        self,
        name: str,
        connections: triton_http.Connections,
        limits: bounds.Limits,
        given_up: Callable[[str, float], None] = lambda instance, asked_s: None,
    ) -> None:
        self.name = name
        self._given_up = given_up
        self._connections = connections
        self._limits = limits
        self._turns = turns.Turns(limits)
        self._healthy: dict[str, tuple[float, triton_http.Reply]] = {}
        self._running: set[asyncio.Task[triton_http.Reply]] = set()

    async def health(self, path: str) -> triton_http.Reply:
        """Checks Triton's health, within the short time that a probe waits.

        If Triton is too busy to answer in time, its answer of the last five seconds is used.

        Raises:
          http_errors.HttpError: Triton is not healthy, or does not answer in time (503).
        """
        seconds = self._limits.health_timeout_s
        try:
            found = await asyncio.wait_for(self._ask("GET", path, b"", None, None), seconds)
            self._healthy[path] = (time.monotonic(), found)
            return found
        except (TimeoutError, asyncio.TimeoutError) as error:
            said_s, said = self._healthy.get(path, (-math.inf, None))
            if said is not None and time.monotonic() - said_s < _HEALTH_STANDS_S:
                return said
            message = f"The model server did not answer within {seconds} s."
            raise http_errors.exceeded("health_timeout_s", message) from error

    async def within_time(self, asking: Awaitable[_Result]) -> _Result:
        """Awaits all work of a request, up to the time limit of a request.

        Raises:
          http_errors.HttpError: as the awaited work, or the time is over (504).
        """
        seconds = self._limits.model_timeout_s
        try:
            async with time_limit.TimeLimit(seconds):
                return await asking
        except TimeoutError as error:
            message = f"The model did not answer within {seconds} s."
            raise http_errors.exceeded("model_timeout_s", message) from error

    async def entries(self, version: str | None = None) -> list[Mapping[str, str]]:
        """Returns Triton's entries of a version, or of all versions, newest first.

        Raises:
          http_errors.HttpError: there is none (404), or Triton does not answer.
        """
        known = read_back.parse((await self.ask("POST", "/v2/repository/index")).body)
        entries = [
            one
            for one in known
            if one["name"] == self.name and version in (None, one.get("version", ""))
        ]
        if not any("version" in one for one in entries):
            raise http_errors.HttpError(
                404, f"Could not find version {version} of model {self.name}"
            )
        return sorted(entries, key=lambda one: -int(one["version"]))

    async def infer(
        self, items: Sequence[bytes], signature: str, work: Work, version: str | None = None
    ) -> protocol.Answer:
        """Runs a signature on B encoded images, at most the largest batch.

        Args:
          items: the images.
          signature: the signature's name.
          work: the cost of the request.
          version: the model's version; None: the served version.

        Raises:
          http_errors.HttpError: it was not answered with 200.
        """
        parameters = {"signature": signature}
        body, headers = protocol.request(client.IMAGE_INPUT, items, [], parameters)
        which = f"/versions/{version}" if version else ""
        path = f"/v2/models/{self.name}{which}/infer"
        found = await self.run(path, body, headers, work)
        return protocol.answer(found.body, int(found.headers[HEADER_LENGTH]))

    async def run(
        self, path: str, body: bytes, headers: Mapping[str, str], work: Work
    ) -> triton_http.Reply:
        """Sends a request for inference when it is its turn.

        Triton runs every request that it has received, even if the client disconnects: so the turn
        ends only when Triton answers.

        Raises:
          http_errors.HttpError: it was not answered with 200.
        """
        weight = await self._turns.begin(work.weight)

        async def running() -> triton_http.Reply:
            try:
                return await self.ask("POST", path, body, headers, work.held)
            finally:
                self._turns.end(weight)

        task = asyncio.ensure_future(running())
        self._running.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: "asyncio.Task[triton_http.Reply]") -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # retrieved here because the client may have disconnected

    async def close(self) -> None:
        """Cancels requests that still run for clients that have disconnected; closes the connections."""
        for task in [*self._running]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, http_errors.HttpError):
                await task
        await self._connections.close()

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        held: admission.Held | None = None,
    ) -> triton_http.Reply:
        """Sends a validated request; retries it if it reached a dead worker.

        Never retries after a timeout: Triton still runs the request, and would run it twice.

        Raises:
          http_errors.HttpError: it was not answered with 200.
        """
        waits_s = iter(_WAITS_S)
        while True:
            try:
                return await self._ask(method, path, body, headers, held)
            except _UnansweredError:
                wait_s = next(waits_s, None)
                if wait_s is None or (held is not None and held.closed):
                    raise
            await asyncio.sleep(wait_s)

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes,
        headers: Mapping[str, str] | None,
        held: admission.Held | None,
    ) -> triton_http.Reply:
        asked_s, seconds = time.monotonic(), self._limits.model_timeout_s
        taken = 0

        def take(size_bytes: int) -> None:
            nonlocal taken
            taken += size_bytes
            if taken > self._limits.max_answer_bytes:
                raise http_errors.exceeded(
                    "max_answer_bytes",
                    f"The response has more than {self._limits.max_answer_bytes} bytes; request fewer"
                    " images or outputs.",
                )
            if held is not None:
                held.take(size_bytes)

        try:
            async with time_limit.TimeLimit(seconds):
                found = await self._connections.request(method, path, body, headers or {}, take)
        except (TimeoutError, asyncio.TimeoutError) as error:
            message = f"The model did not answer within {seconds} s."
            raise http_errors.exceeded("model_timeout_s", message) from error
        except triton_http.LostError as error:
            raise _UnansweredError(f"The model server does not answer ({error}).") from error
        if found.status == 200:
            return found
        failed = failure(found.status, found.body)
        if instance := failures.silent_instance(str(failed)):
            self._given_up(instance, asked_s)
        raise failed


def failure(status: int, content: bytes) -> http_errors.HttpError:
    """Converts an error response of Triton into one for the client.

    Triton answers 500 for many causes: a dead worker, a failed model. Requests are validated before,
    so the client is not at fault. Only the model's failure is a permanent error.
    """
    try:
        message = str(read_back.parse(content)["error"])
    except (KeyError, TypeError, ValueError):
        message = content[:200].decode(errors="replace")
    failure = failures.of(message)
    if failure is failures.Failure.NOT_SERVED:
        return http_errors.HttpError(404, message, failure=failure)
    if status > 500 or (status == 500 and failure is not failures.Failure.MODEL_FAILED):
        return _UnansweredError(message, failure)
    return http_errors.HttpError(status, message, failure=failure)
