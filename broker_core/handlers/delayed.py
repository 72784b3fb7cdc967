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


class DelayedFetches:
    """The fetches that wait now. For the event loop."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()
        self._stopping = False

    def stop(self) -> None:
        """Let every fetch answer at once with what there is, from now on."""
        self._stopping = True
        for event in self._waiting:
            event.set()

    async def wait(
        self, logs: Iterable[Watched], *, seconds: float, is_enough: Callable[[], bool]
    ) -> None:
        """Return once ``is_enough`` or after ``seconds``; it is asked again whenever a log grew."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        unsubscribe = [log.subscribe(woken.set) for log in logs]
        metrics.DELAYED_FETCHES.inc()
        try:
            async with asyncio.timeout(seconds):
                while not self._stopping:
                    await woken.wait()
                    woken.clear()
                    if is_enough():
                        return
        except TimeoutError:
            return
        finally:
            metrics.DELAYED_FETCHES.dec()
            self._waiting.discard(woken)
            for end in unsubscribe:
                end()
