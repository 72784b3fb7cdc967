"""Who may run now, who waits and who is sent away: a lane for inserts and one for queries.

An analyst's query must not take ingest down, so each lane has its own threads and its own
queue, and both are bounded. For the event loop.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import ParamSpec, TypeVar

from pipeline.metrics import STORE_REFUSED, STORE_RUNNING, STORE_WAITING
from pipeline.store.embedded.errors import Busy

P = ParamSpec("P")
T = TypeVar("T")


class Lane:
    """At most ``threads`` statements at a time, at most ``waiting`` more in the queue.

    Args:
        name: Label of its metrics and what people read of it.
        threads: Statements at a time.
        waiting: Statements that may wait for a thread.
        wait_seconds: How long one waits before it is sent away.
    """

    def __init__(self, name: str, *, threads: int, waiting: int, wait_seconds: float) -> None:
        self.name = name
        self._waiting_limit = waiting
        self._wait_seconds = wait_seconds
        self._free = asyncio.Semaphore(threads)
        self._waiting = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=f"store-{name}")

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A place in the lane for the length of the ``async with``.

        Raises:
            Busy: The queue is full, or no place came free in time.
        """
        await self._enter()
        STORE_RUNNING.labels(lane=self.name).inc()
        try:
            yield
        finally:
            STORE_RUNNING.labels(lane=self.name).dec()
            self._free.release()

    async def _enter(self) -> None:
        if self._free.locked() and self._waiting >= self._waiting_limit:
            STORE_REFUSED.labels(lane=self.name, reason="queue_full").inc()
            raise Busy(f"{self._waiting} {self.name} wait already; try again in a moment.")
        self._waiting += 1
        STORE_WAITING.labels(lane=self.name).set(self._waiting)
        try:
            await asyncio.wait_for(self._free.acquire(), self._wait_seconds)
        except TimeoutError:
            STORE_REFUSED.labels(lane=self.name, reason="waited_too_long").inc()
            raise Busy(
                f"no place among the {self.name} came free in {self._wait_seconds:g} s."
            ) from None
        finally:
            self._waiting -= 1
            STORE_WAITING.labels(lane=self.name).set(self._waiting)

    async def step(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run one blocking step of an admitted statement on the lane's threads.

        A step is not left alone: when the waiting task is cancelled, the step is waited for
        before the cancellation goes on, because its session may not be touched meanwhile.
        """
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._pool, lambda: work(*args, **kwargs))
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await asyncio.wait([future])
            raise

    def close(self) -> None:
        """Let the threads end once their steps have."""
        self._pool.shutdown(wait=False, cancel_futures=True)
