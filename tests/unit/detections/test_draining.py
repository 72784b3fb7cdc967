import asyncio

import pytest

from detections.draining import finished


async def test_what_is_under_way_ends_before_the_cancellation_is_felt() -> None:
    begun, go_on, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handling() -> None:
        begun.set()
        await go_on.wait()
        ended.set()

    task = asyncio.create_task(finished(handling()))
    await begun.wait()
    task.cancel()
    go_on.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
