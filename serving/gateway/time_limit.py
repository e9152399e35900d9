"""Ends work that takes too long.

``asyncio.wait_for`` runs what it awaits in a task of its own, several of which cost a request more than its parsing;
``asyncio.timeout`` is not in Python 3.10.
"""

import asyncio
from types import TracebackType


class TimeLimit:
    """Cancels what is awaited inside the block when its time is over.

    Args:
      seconds: the time.

    Raises:
      TimeoutError: at the end of the block, if the time was over.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._is_over = False

    async def __aenter__(self) -> "TimeLimit":
        self._task = asyncio.current_task()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        if not self._is_over:
            return
        # From Python 3.11 on a task counts who cancels it: another one, such as a client that left, goes on.
        uncancel = getattr(self._task, "uncancel", None)
        others = uncancel() if uncancel is not None else 0
        if kind is asyncio.CancelledError and not others:
            raise TimeoutError from error

    def _end(self) -> None:
        assert self._task is not None  # noqa: S101  the block runs in one
        self._is_over = True
        self._task.cancel()
