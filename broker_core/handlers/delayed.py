"""Fetches that must wait for bytes: park, wake when a high watermark moves, time out.

(What acks=all waits for is the group commit, which wakes its own waiters.)
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from broker_core import metrics


class Watched(Protocol):
    """What can be waited for: a partition's log."""

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call ``listener`` when more can be read; return what ends that."""
        ...


class _Waiter:
    """One fetch that waits: until it is woken, or for good once its time is over."""

    __slots__ = ("_future", "_loop", "is_over")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._future: asyncio.Future[None] = loop.create_future()
        self.is_over = False

    def wake(self) -> None:
        """Something grew."""
        if not self._future.done():
            self._future.set_result(None)

    def end(self) -> None:
        """The time is over."""
        self.is_over = True
        self.wake()

    async def woken(self) -> None:
        """Return once woken since the last call."""
        await self._future
        self._future = self._loop.create_future()


class DelayedFetches:
    """The fetches that wait now. For the event loop."""

    def __init__(self) -> None:
        self._waiting: set[_Waiter] = set()
        self._stopping = False

    def stop(self) -> None:
        """Let every fetch answer at once with what there is, from now on."""
        self._stopping = True
        for waiter in self._waiting:
            waiter.end()

    async def wait(
        self, logs: Iterable[Watched], *, seconds: float, is_enough: Callable[[], bool]
    ) -> None:
        """Return once ``is_enough`` or after ``seconds``; it is asked again whenever a log grew."""
        if self._stopping:
            return
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop)
        self._waiting.add(waiter)
        unsubscribe = [log.subscribe(waiter.wake) for log in logs]
        timer = loop.call_later(seconds, waiter.end)
        metrics.DELAYED_FETCHES.set(len(self._waiting))
        try:
            while True:
                await waiter.woken()
                if waiter.is_over or is_enough():
                    return
        finally:
            timer.cancel()
            self._waiting.discard(waiter)
            metrics.DELAYED_FETCHES.set(len(self._waiting))
            for end in unsubscribe:
                end()
