"""Whose turn it is: what the workers take at once, and what waits for them.

Triton runs everything that reaches it, also what nobody waits for any more. So it gets no more
than its workers can run at once, and the rest waits here, where a request whose client has left
or whose time is over is gone at once.
"""

import asyncio
from dataclasses import dataclass

from serving.gateway import bounds, error_answers

# Times the room of the workers: requests smaller than that may wait however many there are.
_SMALL_SHARE = 32


@dataclass
class _Waiting:
    weight: int
    begun: "asyncio.Future[None]"


class Turns:
    """Lets requests through to the workers; for the one thread of an event loop.

    The eldest and the smallest take turns: a small request waits for two large ones at most, and
    a large one is never overtaken for ever.

    Args:
      limits: pixels and workers.
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
          weight: pixels and bytes of the request.

        Returns:
          What :meth:`end` must be given.

        Raises:
          answered.Answered: too much waits already (503).
        """
        weight = min(weight, self._room)
        total = weight + sum(one.weight for one in self._waiting)
        if total > self._max_waiting and weight > self._room // _SMALL_SHARE:
            message = f"Images of {total:,} pixels are waiting; try again."
            raise error_answers.exceeded("max_waiting_pixels", message)
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
        """Gives a turn back."""
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
            if not chosen.begun.cancelled():  # else its task gives the turn back
                chosen.begun.set_result(None)
