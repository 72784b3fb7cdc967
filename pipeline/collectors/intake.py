"""From collectors to the log: every record acknowledged, everything between bounded and counted.

Two ways lead in. ``submit`` is for senders that get no answer (syslog): records are gathered for
a few milliseconds and published until the log has them; when too much is under way the collector
stops reading. ``publish`` is for senders that do (HTTP): it returns once the log has
acknowledged, or says that it has not, and the sender tries again.

What does not become an event leaves a trace in the same log: ``park`` keeps the head of a
message on the dead-letter topic, ``tally`` a count of messages whose bytes are gone. For the loop.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import structlog

from pipeline.bus.dead_letter import dead_letter, tally
from pipeline.bus.position import Position
from pipeline.bus.producer import OutgoingRecord
from pipeline.errors import BusRefused, BusUnavailable, UndecodableRecord
from pipeline.metrics import (
    COLLECTOR_ACKNOWLEDGED,
    COLLECTOR_DROPPED,
    COLLECTOR_IN_FLIGHT,
    COLLECTOR_PARKED,
)
from pipeline.schema.codec import decode_event
from pipeline.schema.topics import DEAD_LETTER

log = structlog.get_logger()

HEAD_BYTES = 2048
"""How much of a parked message is kept."""

TICK_SECONDS = 0.005
TICK_RECORDS = 2_000
RETRY_SECONDS = 0.5
QUIET_SECONDS = 10.0  # between two log lines about a log that does not answer
RECORD_OVERHEAD_BYTES = 200  # what a record costs in memory beyond its value, roughly


class Publisher(Protocol):
    """What the intake needs of ``pipeline.bus.producer.Producer``."""

    async def publish(self, records: Sequence[OutgoingRecord]) -> list[Position]:
        """Return once every record is acknowledged."""
        ...


class Batch(msgspec.Struct, frozen=True):
    """Records of one collector that were handed over together.

    Attributes:
        collector: Whose they are.
        records: At least one.
        done: Called when the log has them (or has refused them for good).
        size_bytes: What they count against the limit.
    """

    collector: str
    records: Sequence[OutgoingRecord]
    done: Callable[[], None] | None
    size_bytes: int


class Intake:
    """The one way from collectors to the log; one for a process.

    Args:
        patient: Publishes what nobody will send again; tries for as long as it takes.
        hasty: Publishes what somebody waits for; gives up after seconds, so that a sender
            which tries again does not find its first attempt arriving late.
        max_in_flight_bytes: How much may wait for its acknowledgement.
    """

    def __init__(self, *, patient: Publisher, hasty: Publisher, max_in_flight_bytes: int) -> None:
        self._patient = patient
        self._hasty = hasty
        self._limit = max_in_flight_bytes
        self._in_flight_bytes = 0
        self._pending: list[Batch] = []
        self._pending_records = 0
        self._tick: asyncio.TimerHandle | None = None
        self._publishing: set[asyncio.Task[None]] = set()
        self._waiting: list[Callable[[], None]] = []
        self._quiet_until = 0.0

    @property
    def in_flight_bytes(self) -> int:
        """What waits for its acknowledgement."""
        return self._in_flight_bytes

    @property
    def is_full(self) -> bool:
        """Whether collectors should stop reading."""
        return self._in_flight_bytes >= self._limit

    @property
    def share_bytes(self) -> int:
        """How much one sender may have under way, so that it leaves room for its neighbours."""
        return self._limit // 8

    def when_room(self, resume: Callable[[], None]) -> None:
        """Call ``resume`` once, as soon as half of the limit is free (or soon, if it is)."""
        if self._in_flight_bytes * 2 < self._limit:
            asyncio.get_running_loop().call_soon(resume)
        else:
            self._waiting.append(resume)

    def submit(
        self,
        collector: str,
        records: Sequence[OutgoingRecord],
        done: Callable[[], None] | None = None,
    ) -> int:
        """Take records to be published until the log has them; never waits, never refuses.

        Args:
            collector: Whose they are.
            records: At least one.
            done: Called when the log has all of them.

        Returns:
            How many bytes this added to what is under way.
        """
        size = sum(len(record.value or b"") for record in records)
        size += RECORD_OVERHEAD_BYTES * len(records)
        self._pending.append(Batch(collector, records, done, size))
        self._pending_records += len(records)
        self._add(size)
        if self._pending_records >= TICK_RECORDS:
            self._flush()
        elif self._tick is None:
            self._tick = asyncio.get_running_loop().call_later(TICK_SECONDS, self._flush)
        return size

    async def publish(self, collector: str, records: Sequence[OutgoingRecord]) -> None:
        """Return once the log has every record.

        Raises:
            BusUnavailable: It did not acknowledge all of them in time, or too much is under
                way already; trying again may help.
            BusRefused: It refuses some of them for good; the others are in the log.
        """
        if not records:
            return
        if self.is_full:
            raise BusUnavailable("too much is waiting for the log already")
        size = sum(len(record.value or b"") for record in records)
        self._add(size)
        try:
            await self._hasty.publish(records)
        finally:
            self._add(-size)
        COLLECTOR_ACKNOWLEDGED.labels(collector).inc(len(records))

    def count_dropped(self, collector: str, reason: str, count: int = 1) -> None:
        """Count what carried no message, or what its sender was told about."""
        COLLECTOR_DROPPED.labels(collector, reason).inc(count)

    def park(self, collector: str, *, source: str, reason: str, detail: str, head: bytes) -> None:
        """Keep the head of a message that becomes no event on the dead-letter topic."""
        COLLECTOR_DROPPED.labels(collector, reason).inc()
        COLLECTOR_PARKED.labels(collector, reason).inc()
        record = dead_letter(
            value=head[:HEAD_BYTES], source=source, reason=reason, detail=detail, origin=None
        )
        self.submit(collector, (record,))

    def tally(self, collector: str, *, source: str, reason: str, count: int) -> None:
        """Write down how many messages were lost whose bytes nobody has."""
        COLLECTOR_DROPPED.labels(collector, reason).inc(count)
        self.submit(collector, (tally(source=source, reason=reason, count=count),))

    async def drain(self, *, timeout_seconds: float) -> None:
        """Return once nothing is under way; name what still is when the time ends."""
        self._flush()
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while self._publishing:
            left = deadline - asyncio.get_running_loop().time()
            _, unfinished = await asyncio.wait(self._publishing, timeout=max(0.0, left))
            if unfinished and left <= 0:
                for task in unfinished:
                    task.cancel()
                await asyncio.gather(*unfinished, return_exceptions=True)
                return
            self._flush()

    def _add(self, size: int) -> None:
        self._in_flight_bytes += size
        COLLECTOR_IN_FLIGHT.set(self._in_flight_bytes)
        if size < 0 and self._waiting and self._in_flight_bytes * 2 < self._limit:
            waiting, self._waiting = self._waiting, []
            for resume in waiting:
                resume()

    def _flush(self) -> None:
        if self._tick is not None:
            self._tick.cancel()
            self._tick = None
        if not self._pending:
            return
        batches, self._pending, self._pending_records = self._pending, [], 0
        task = asyncio.create_task(self._publish_for_sure(batches), name="intake-publish")
        self._publishing.add(task)
        task.add_done_callback(self._publishing.discard)

    async def _publish_for_sure(self, batches: list[Batch]) -> None:
        """Publish until the log has it or refuses it for good; only what it has not, again."""
        left = [(record, batch.collector) for batch in batches for record in batch.records]
        try:
            while True:
                try:
                    await self._patient.publish([record for record, _ in left])
                    break
                except BusRefused as error:
                    self._park_refused([left[index] for index in error.refused], error)
                    break
                except BusUnavailable as error:
                    left = [left[index] for index in error.unacknowledged] or left
                    self._tell_unreached(len(left), error)
                    await asyncio.sleep(RETRY_SECONDS)
        except asyncio.CancelledError:
            self._give_up(batches)
            raise
        finally:
            self._add(-sum(batch.size_bytes for batch in batches))
        for batch in batches:
            COLLECTOR_ACKNOWLEDGED.labels(batch.collector).inc(len(batch.records))
            if batch.done is not None:
                batch.done()

    def _tell_unreached(self, records: int, error: BusUnavailable) -> None:
        now = asyncio.get_running_loop().time()
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            log.warning("log_not_reached", records=records, detail=str(error))

    def _park_refused(self, refused: list[tuple[OutgoingRecord, str]], error: BusRefused) -> None:
        """Keep the heads of records that the log would not take; the dead letters it must."""
        log.error("records_refused_by_log", records=len(refused), detail=str(error))
        for record, collector in refused:
            if record.topic == DEAD_LETTER:
                COLLECTOR_DROPPED.labels(collector, "dead_letter_refused").inc()
                continue
            self.park(
                collector,
                source=source_of(record),
                reason="refused_by_log",
                detail=str(error),
                head=record.value or b"",
            )

    def _give_up(self, batches: list[Batch]) -> None:
        for batch in batches:
            COLLECTOR_DROPPED.labels(batch.collector, "unacknowledged_at_stop").inc(
                len(batch.records)
            )
        records = sum(len(batch.records) for batch in batches)
        log.error("records_unacknowledged_at_stop", records=records)


def source_of(record: OutgoingRecord) -> str:
    """The source that an event's record tells; its key, or its value where it was spilled."""
    if record.key is not None:
        return record.key.decode(errors="replace")
    try:
        return decode_event(record.value or b"").source
    except UndecodableRecord:
        return "unknown"
