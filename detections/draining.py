"""Ending well: what is under way when a role is told to stop is finished first."""

import asyncio
from collections.abc import Coroutine

DRAIN_SECONDS = 20.0


async def finished(handling: Coroutine[object, object, None]) -> None:
    """Await a batch; cancelled meanwhile, let it end first, for a bounded time."""
    task = asyncio.create_task(handling)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        _, unfinished = await asyncio.wait([task], timeout=DRAIN_SECONDS)
        for late in unfinished:
            late.cancel()
        raise
