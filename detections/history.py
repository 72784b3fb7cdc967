"""Events of the log once more: ranges of offsets, a page at a time, without a group."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Record
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.bus.reader import Reader
from pipeline.errors import BusUnavailable, UndecodableRecord
from pipeline.schema.alert import EventPosition
from pipeline.schema.codec import decode_event
from pipeline.schema.event import Event
from pipeline.settings import BusSettings

PAGE_RECORDS = 2_000
_POLL_SECONDS = 0.5
# So many empty polls one after another, and the log is not answering.
_PATIENCE = 60

# An event and where it lies.
Placed = tuple[Event, EventPosition]


async def ranges_since(
    bus: BusSettings, topic: str, moment: datetime
) -> dict[TopicPartition, OffsetRange]:
    """What the partitions of a topic hold from a time on; those that hold nothing are left out.

    The records' timestamps count: when the log got them.
    """
    admin = Admin(bus, client_id="tocsin-history")
    held = await admin.offsets([topic])
    begins = await admin.offsets_at(list(held), round(moment.timestamp() * 1_000))
    return {at: OffsetRange(begins[at], span.end) for at, span in held.items() if at in begins}


@dataclass(slots=True)
class History:
    """Reads ranges of the log; afterwards says what was read.

    Attributes:
        bus: Which cluster.
        ranges: What to read of each partition, the end excluded; what retention has removed since
            is passed over, and missing from ``covered``.
        covered: What was read of each partition so far.
        undecodable: Records that hold no event.
    """

    bus: BusSettings
    ranges: Mapping[TopicPartition, OffsetRange]
    covered: dict[TopicPartition, OffsetRange] = field(default_factory=dict)
    undecodable: int = 0

    @property
    def records(self) -> int:
        """How many offsets the ranges span."""
        return sum(span.end - span.start for span in self.ranges.values())

    @property
    def passed(self) -> int:
        """How many offsets have been read."""
        return sum(span.end - span.start for span in self.covered.values())

    def named(self) -> dict[str, tuple[int, int]]:
        """First and end offset of what was read of each partition, by ``topic-partition``."""
        return {
            f"{at.topic}-{at.partition}": (span.start, span.end)
            for at, span in sorted(self.covered.items(), key=lambda one: one[0])
        }

    async def pages(self) -> AsyncIterator[list[Placed]]:
        """The events, partition by partition, each in order.

        Raises:
            BusUnavailable: A partition gave nothing for half a minute.
        """
        for partition, span in sorted(self.ranges.items(), key=lambda one: one[0]):
            async for page in self._partition(partition, span):
                yield page

    async def _partition(
        self, partition: TopicPartition, span: OffsetRange
    ) -> AsyncIterator[list[Placed]]:
        async with Reader(self.bus, client_id="tocsin-history") as reader:
            held = (await reader.offsets([partition]))[partition]
            begin, end = max(span.start, held.start), min(span.end, held.end)
            if begin >= end:
                return
            await reader.assign({partition: begin})
            empty = 0
            while reader.positions[partition] < end:
                records = await reader.poll(max_records=PAGE_RECORDS, timeout_seconds=_POLL_SECONDS)
                empty = 0 if records else empty + 1
                if empty > _PATIENCE:
                    raise BusUnavailable(f"{partition.topic}-{partition.partition} gives nothing")
                yield [
                    placed
                    for record in records
                    if record.offset < end and (placed := self._placed(record)) is not None
                ]
                self.covered[partition] = OffsetRange(begin, min(reader.positions[partition], end))

    def _placed(self, record: Record) -> Placed | None:
        try:
            event = decode_event(record.value or b"")
        except UndecodableRecord:
            self.undecodable += 1
            return None
        return event, EventPosition(
            id=event.id,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            time=event.time,
        )
