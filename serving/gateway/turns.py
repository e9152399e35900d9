"""Queues requests for the workers.

Triton runs every request that reaches it, even if its client has disconnected. So it gets only as
much as its workers can run at once; the other requests wait here, where one whose client has
disconnected or whose time is over is dropped at once.
"""

import asyncio
from dataclasses import dataclass

from serving.gateway import bounds, http_errors

# Requests below 1/32 of the workers' capacity may always wait, in any number.
_SMALL_SHARE = 32


@dataclass
class _Waiting:
    weight: int
    begun: "asyncio.Future[None]"


class Turns:
    """Admits requests to the workers; used only in the event loop's thread.

    The oldest and the smallest request are admitted in turn: a small request waits for at most two
    large ones, and a large one is not overtaken for ever.

    Args:
      limits: the pixels and the number of workers.
    """

    def __init__(self, limits: bounds.Limits) -> None:
        self._room = limits.max_pixels * limits.workers
        self._max_waiting = limits.max_waiting_pixels
        self._running = 0
        self._waiting: list[_Waiting] = []
        self._eldest_next = False

    async def begin(self, weight: int) -> int:
        """Waits for a turn.

        Args:
          weight: pixels plus bytes of the request.

        Returns:
          The weight to pass to :meth:`end`.

        Raises:
          http_errors.HttpError: too many pixels wait already (503).
        """
        weight = min(weight, self._room)
        total = weight + sum(one.weight for one in self._waiting)
        if total > self._max_waiting and weight > self._room // _SMALL_SHARE:
            message = f"Images of {total:,} pixels are waiting; try again."
            raise http_errors.exceeded("max_waiting_pixels", message)
        one = _Waiting(weight, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self._let_through()
        try:
            await one.begun
        except asyncio.CancelledError:
            if one in self._waiting:
                self._waiting.remove(one)
                self._let_through()
            else:
                self.end(weight)
            raise
        return weight

    def end(self, weight: int) -> None:
        """Ends a turn and admits the next requests."""
        self._running -= weight
        self._let_through()

    def _let_through(self) -> None:
        while self._waiting:
            smallest = min(self._waiting, key=lambda one: one.weight)
            chosen = self._waiting[0] if self._eldest_next else smallest
            if self._running and self._running + chosen.weight > self._room:
                return
            self._eldest_next = not self._eldest_next
            self._waiting.remove(chosen)
            self._running += chosen.weight
            if not chosen.begun.cancelled():  # otherwise its task ends the turn
                chosen.begun.set_result(None)
