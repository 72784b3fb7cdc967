"""A log in memory, for tests of what publishes: acknowledges, waits or fails when told to."""

import asyncio
from collections.abc import Callable, Sequence

from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord
from pipeline.schema.codec import decode_event
from pipeline.schema.event import Event


class MemoryLog:
    """Keeps what was published; has the ``publish`` of ``pipeline.bus.producer.Producer``.

    Attributes:
        records: Everything that was acknowledged, in order.
        failures: Raised by the next calls, one each, before anything is kept.
        open: Cleared to make publishers wait.
    """

    def __init__(self) -> None:
        self.records: list[OutgoingRecord] = []
        self.failures: list[Exception] = []
        self.open = asyncio.Event()
        self.open.set()
        self._grown = asyncio.Condition()

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Position]:
        """Keep the records, or fail as told."""
        await self.open.wait()
        if self.failures:
            raise self.failures.pop(0)
        first = len(self.records)
        self.records += records
        async with self._grown:
            self._grown.notify_all()
        return [Position(one.topic, 0, first + index) for index, one in enumerate(records)]

    async def until(self, condition: Callable[["MemoryLog"], bool]) -> None:
        """Return once the condition holds.

        Raises:
            TimeoutError: It did not within a minute.
        """
        async with asyncio.timeout(60), self._grown:
            await self._grown.wait_for(lambda: condition(self))

    def on(self, topic: str) -> list[OutgoingRecord]:
        """The records of one topic."""
        return [one for one in self.records if one.topic == topic]

    def events(self, topic: str = "events.log") -> list[Event]:
        """The events of one topic."""
        return [decode_event(one.value or b"") for one in self.on(topic)]
