"""One producer, many live pages: blocks of HTML as server-sent events.

What a channel sends is made once for all its pages, and only while there are any. A page that is
slow gets the newest and misses what was between; one whose session has ended is let go.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta

import structlog

from pipeline.errors import PipelineError
from web.metrics import STREAMS

log = structlog.get_logger()

BEAT_SECONDS = 15.0
RETRY_MS = 3_000
RETRY = f"retry: {RETRY_MS}\n\n".encode()

Messages = Mapping[str, str]


def encode(event: str, data: str) -> bytes:
    r"""One message (WHATWG HTML, "Server-sent events").

    >>> encode("strip", "<p>\n</p>")
    b'event: strip\ndata: <p>\ndata: </p>\n\n'
    """
    lines = "".join(f"data: {line}\n" for line in data.splitlines() or [""])
    return f"event: {event}\n{lines}\n".encode()


class Channel:
    """Sends what ``produce`` makes to every page that listens. For the loop.

    Args:
        name: For metrics.
        produce: Event names and their HTML; a PipelineError skips one round.
        interval: Between two rounds.
        closing: Set when the console stops.

    Attributes:
        listeners: Pages that listen now.
    """

    def __init__(
        self,
        name: str,
        produce: Callable[[], Awaitable[Messages]],
        *,
        interval: timedelta,
        closing: asyncio.Event,
    ) -> None:
        self._name = name
        self._produce = produce
        self._interval = interval.total_seconds()
        self._closing = closing
        self._newest: Messages = {}
        self._round = 0
        self._changed = asyncio.Condition()
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.listeners = 0

    async def listen(self, still_welcome: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """Messages until the page goes, the console stops or nobody is welcome any more.

        A message is sent only if it differs from the last one of its name.
        """
        self._join()
        sent: dict[str, str] = {}
        seen = -1
        try:
            yield RETRY
            while not self._closing.is_set():
                try:
                    async with asyncio.timeout(BEAT_SECONDS):
                        seen, newest = await self._after(seen)
                except TimeoutError:
                    if not await still_welcome():
                        return
                    yield b": beat\n\n"
                    continue
                fresh = {name: html for name, html in newest.items() if sent.get(name) != html}
                sent.update(fresh)
                for name, html in fresh.items():
                    yield encode(name, html)
        finally:
            self._leave()

    def wake(self) -> None:
        """Make the next round at once; something happened that pages should not wait for."""
        self._woken.set()

    async def _after(self, seen: int) -> tuple[int, Messages]:
        """The newest round, once there is one after ``seen``."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._round > seen or self._closing.is_set())
            return self._round, self._newest

    def _join(self) -> None:
        self.listeners += 1
        STREAMS.labels(stream=self._name).set(self.listeners)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._rounds(), name=f"stream-{self._name}")

    def _leave(self) -> None:
        self.listeners -= 1
        STREAMS.labels(stream=self._name).set(self.listeners)
        if self.listeners == 0 and self._task is not None:
            self._task.cancel()
            self._task = None
            self._newest, self._round = {}, 0  # whoever comes next wants what is then

    async def _rounds(self) -> None:
        while not self._closing.is_set():
            self._woken.clear()
            try:
                self._newest = await self._produce()
                self._round += 1
            except PipelineError as error:
                log.info("stream_round_skipped", stream=self._name, error=str(error))
            async with self._changed:
                self._changed.notify_all()
            with suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._woken.wait()
        async with self._changed:
            self._changed.notify_all()
