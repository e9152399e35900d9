"""Work ends when its time is over, and only then."""

import asyncio

import pytest

from serving.gateway import time_limit


async def work(seconds: float, limit_s: float) -> str:
    async with time_limit.TimeLimit(limit_s):
        await asyncio.sleep(seconds)
        return "done"
    return "not reached"


def test_work_within_its_time_is_done():
    async def twice() -> list[str]:
        return [await work(0, 0.01), await work(0.02, 5)]

    assert asyncio.run(twice()) == ["done", "done"]


def test_late_work_is_cancelled_and_its_task_goes_on():
    async def late() -> str:
        with pytest.raises(TimeoutError):
            await work(5, 0.01)
        await asyncio.sleep(0.01)
        return await work(0, 5)

    assert asyncio.run(late()) == "done"


def test_a_cancellation_from_outside_is_none_of_the_limit():
    async def cancelled() -> None:
        task = asyncio.ensure_future(work(5, 5))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())


def test_errors_of_the_work_are_passed_on():
    async def failing() -> None:
        async with time_limit.TimeLimit(5):
            raise KeyError("its own")

    with pytest.raises(KeyError, match="its own"):
        asyncio.run(failing())
