"""Records that others produce to ``raw.*``: parsed, and put on the events topic, exactly once.

Without transactions, because not every cluster behind the seam has them: a raw offset is committed
only after its event is acknowledged, every event's record names the raw record it was made of, and
who takes a raw partition over first reads what was published since the last commit
(``RawProgress``) and does not publish it again. Event ids are derived from the raw record's
position, so even a deliberate replay makes no new events, only the same ones again.

One gap remains: a process that was suspended in the middle of a publish for longer than its
session lasts, and goes on after another has taken over, may publish a batch twice.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

import structlog

from pipeline.bus.admin import Admin
from pipeline.bus.consumer import Consumer, Record
from pipeline.bus.dead_letter import dead_letter
from pipeline.bus.position import Committed, Position, TopicPartition
from pipeline.bus.producer import OutgoingRecord
from pipeline.collectors.collector import Health, Life
from pipeline.collectors.intake import HEAD_BYTES, Publisher
from pipeline.collectors.raw_progress import (
    ORIGIN_HEADER,
    RawProgress,
    origin,
    origin_offset,
    target_partition,
)
from pipeline.collectors.recording import HEADERS, Recorder
from pipeline.errors import BusRefused, BusUnavailable, PartitionLost, PipelineError
from pipeline.metrics import (
    COLLECTOR_ACKNOWLEDGED,
    COLLECTOR_DROPPED,
    COLLECTOR_PARKED,
    COLLECTOR_RECEIVED,
    COLLECTOR_REPEATED,
)
from pipeline.parsing.detect import Dialect
from pipeline.parsing.timestamp import believable
from pipeline.schema.codec import encode_event
from pipeline.schema.event import derived_event_id
from pipeline.schema.topics import EVENTS_LOG, RAW_PREFIX
from pipeline.settings import BusSettings

log = structlog.get_logger()

NAME = "kafka"
GROUP = "tocsin-collectors"
MAX_MESSAGE_BYTES = 1 << 20
POLL_RECORDS = 2_000
POLL_SECONDS = 0.5
SCAN_RECORDS = 10_000
RETRY_SECONDS = 1.0
TOPICS_EVERY_SECONDS = 10.0  # how long a new raw topic waits to be noticed
DRAIN_SECONDS = 10.0  # a batch that the log does not take by then is looked up at the next start
TURN_RECORDS = 250  # after so many records it is the turn of the other collectors

_DIALECTS = {
    "raw.syslog": Dialect.SYSLOG,
    "raw.json": Dialect.JSON,
    "raw.windows": Dialect.JSON,
}


class Lane:
    """One raw partition that is ours.

    Attributes:
        committed: What was committed when it became ours.
        next_offset: The first raw offset that is not committed.
        progress: What the next commit says beside it; None until the lane was looked into.
        published: Raw offsets from ``next_offset`` on whose events lie in the log already.
    """

    __slots__ = ("committed", "next_offset", "progress", "published")

    def __init__(self, committed: Committed | None) -> None:
        self.committed = committed
        self.next_offset = committed.offset if committed is not None else -1
        self.progress: RawProgress | None = None
        self.published: set[int] = set()


class KafkaCollector:
    """The collector of ``raw.*``; for the loop.

    Args:
        settings: Which cluster, and how to sign in.
        publisher: Puts the events on the log.
        recorder: Makes them.
    """

    def __init__(self, settings: BusSettings, publisher: Publisher, recorder: Recorder) -> None:
        self._settings = settings
        self._publisher = publisher
        self._recorder = recorder
        self._admin = Admin(settings, client_id="tocsin-collectors-raw")
        self._lanes: dict[TopicPartition, Lane] = {}
        self._life = Life(NAME)
        self._trouble = ""
        self._cluster = ""
        self._targets = 0
        self._received = COLLECTOR_RECEIVED.labels(NAME)

    @property
    def name(self) -> str:
        """``kafka``."""
        return NAME

    def health(self) -> Health:
        """The state of now."""
        detail = self._trouble or f"{len(self._lanes)} raw partitions"
        return Health(state=self._life.state, detail=detail)

    async def run(self, *, ready: Callable[[], None]) -> None:
        """Carry until cancelled; the batch under way is finished and committed."""
        working = asyncio.create_task(self._work(ready), name="kafka-carry")
        try:
            await asyncio.shield(working)
        finally:
            self._life.drain()
            await asyncio.wait([working], timeout=DRAIN_SECONDS)
            working.cancel()
            await asyncio.gather(working, return_exceptions=True)
            self._life.stop()

    async def _work(self, ready: Callable[[], None]) -> None:
        """One session after another; what was under way when one broke is looked up."""
        told = False

        def serving() -> None:
            nonlocal told
            self._trouble = ""
            if not told:
                told = True
                self._life.serve(group=GROUP)
                ready()

        while self._life.state in ("starting", "serving"):
            try:
                await self._session(serving)
            except PipelineError as error:
                if not self._trouble:
                    log.warning("raw_session_broken", detail=str(error))
                self._trouble = str(error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _session(self, serving: Callable[[], None]) -> None:
        """Carry as one member of the group, until told to stop or until something breaks."""
        self._cluster = await self._admin.cluster_id()
        topics = await self._look_for_topics()
        loop = asyncio.get_running_loop()
        look_at = loop.time() + TOPICS_EVERY_SECONDS
        self._lanes.clear()
        async with Consumer(
            self._settings,
            group=GROUP,
            topics=topics,
            client_id="tocsin-collectors-raw",
            on_assigned=self._assigned,
            on_revoked=self._revoked,
        ) as consumer:
            serving()
            while self._life.state in ("starting", "serving"):
                records = await consumer.poll(
                    max_records=POLL_RECORDS, timeout_seconds=POLL_SECONDS
                )
                with contextlib.suppress(PartitionLost):  # the new owner looks up what we did
                    await self._carry(consumer, records)
                if loop.time() >= look_at:
                    look_at = loop.time() + TOPICS_EVERY_SECONDS
                    if await self._look_for_topics() != topics:
                        return

    async def _look_for_topics(self) -> list[str]:
        """The raw topics there are; also counts the partitions that are written to.

        Raises:
            BusUnavailable: There is none yet, or none to write to.
        """
        found = {topic.name: len(topic.partitions) for topic in await self._admin.topics()}
        raw = sorted(name for name in found if name.startswith(RAW_PREFIX))
        if EVENTS_LOG not in found or not raw:
            raise BusUnavailable(f"the topics {EVENTS_LOG} and {RAW_PREFIX}* do not exist yet")
        self._targets = found[EVENTS_LOG]
        return raw

    def _assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        """These are ours now; each is looked into when its first record comes."""
        self._lanes = {at: Lane(found) for at, found in committed.items()}
        return {}

    def _revoked(self, partitions: Sequence[TopicPartition]) -> None:
        for at in partitions:
            self._lanes.pop(at, None)

    async def _carry(self, consumer: Consumer, records: Sequence[Record]) -> None:
        """Publish what is not in the log yet, then commit all of it."""
        by_partition: defaultdict[TopicPartition, list[Record]] = defaultdict(list)
        for record in records:
            by_partition[TopicPartition(record.topic, record.partition)].append(record)
        for at, found in by_partition.items():
            lane = self._lanes.get(at)
            if lane is None:
                continue
            if lane.progress is None:
                await self._look_into(consumer, at, lane, found[0].offset)
            fresh = [
                record
                for record in found
                if record.offset >= lane.next_offset and record.offset not in lane.published
            ]
            COLLECTOR_REPEATED.inc(len(found) - len(fresh))
            await self._publish(lane, fresh)
            await self._commit(consumer, at, lane, found[-1].offset + 1)

    async def _look_into(
        self, consumer: Consumer, at: TopicPartition, lane: Lane, first_offset: int
    ) -> None:
        """Learn what a previous owner published and did not commit; fix where we write to."""
        target = target_partition(at.topic, at.partition, self._targets)
        found = RawProgress.read(lane.committed.metadata) if lane.committed is not None else None
        if found is not None:
            lane.published = await self._published_since(found, at, lane.next_offset)
            if found.target == target:
                lane.progress = found
                return
            # The topic has more partitions now: settle with the old one before using the new.
            while lane.next_offset in lane.published:
                lane.next_offset += 1
            if any(offset > lane.next_offset for offset in lane.published):
                lane.progress = found
                return
        else:
            lane.next_offset = max(lane.next_offset, first_offset)
        ends = await self._admin.offsets([EVENTS_LOG])
        lane.progress = RawProgress(target, ends[TopicPartition(EVENTS_LOG, target)].end)
        await consumer.commit({at: Committed(lane.next_offset, lane.progress.text())})

    async def _published_since(
        self, progress: RawProgress, at: TopicPartition, first_offset: int
    ) -> set[int]:
        """Raw offsets from ``first_offset`` on whose events lie at or after ``progress.after``."""
        target = TopicPartition(EVENTS_LOG, progress.target)
        span = (await self._admin.offsets([EVENTS_LOG])).get(target)
        published: set[int] = set()
        if span is None:  # the topic was made anew, smaller: nothing of ours is in it
            return published
        offset = max(progress.after, span.start)
        while offset < span.end:
            records = await self._admin.read(target, offset, SCAN_RECORDS)
            if not records:
                raise BusUnavailable(f"{EVENTS_LOG}:{progress.target} cannot be read at {offset}")
            offset = records[-1].offset + 1
            for record in records:
                raw = origin_offset(dict(record.headers).get(ORIGIN_HEADER, b""), *_pair(at))
                if raw is not None and raw >= first_offset:
                    published.add(raw)
        if published:
            log.info("raw_records_found_published", partition=str(_pair(at)), count=len(published))
        return published

    async def _publish(self, lane: Lane, records: Sequence[Record]) -> None:
        """Put records on the events topic; what cannot be an event is parked before."""
        assert lane.progress is not None, "looked into"
        parked: list[OutgoingRecord] = []
        outgoing: list[OutgoingRecord] = []
        received = self._recorder.now()
        for number, record in enumerate(records):
            if not record.value:
                parked.append(_parked(record, "empty", "a record without a value"))
            elif len(record.value) > MAX_MESSAGE_BYTES:
                detail = f"{len(record.value)} bytes, {MAX_MESSAGE_BYTES} accepted"
                parked.append(_parked(record, "too_long", detail))
            else:
                outgoing.append(self._outgoing(record, lane.progress.target, received))
            if number % TURN_RECORDS == TURN_RECORDS - 1:
                await asyncio.sleep(0)
        if parked:
            await self._publisher.publish(parked)
        if not outgoing:
            return
        try:
            positions = await self._publisher.publish(outgoing)
            if not any(offset > records[-1].offset for offset in lane.published):
                last = max(position.offset for position in positions)
                lane.progress = RawProgress(lane.progress.target, last + 1)
        except BusRefused as error:
            kept = [outgoing[index] for index in error.refused]
            log.error("records_refused_by_log", records=len(kept), detail=str(error))
            await self._publisher.publish([_refused(record, str(error)) for record in kept])
        self._received.inc(len(outgoing))
        COLLECTOR_ACKNOWLEDGED.labels(NAME).inc(len(outgoing) + len(parked))

    def _outgoing(self, record: Record, target: int, received: datetime) -> OutgoingRecord:
        assert record.value is not None, "checked"
        at = record.topic, record.partition, record.offset
        written = record.written
        sent = believable(written, received, {}) if written is not None else None
        event = self._recorder.log(
            derived_event_id(self._cluster, *at),
            record.value,
            received,
            f"kafka:{record.topic}",
            _DIALECTS.get(record.topic, Dialect.LINE),
            None,
            sent,
        )
        return OutgoingRecord(
            topic=EVENTS_LOG,
            value=encode_event(event),
            key=event.source.encode(),
            headers=(*HEADERS, (ORIGIN_HEADER, origin(*at))),
            partition=target,
        )

    async def _commit(
        self, consumer: Consumer, at: TopicPartition, lane: Lane, next_offset: int
    ) -> None:
        """Commit what is acknowledged; keep looking back as long as something lies ahead of it."""
        assert lane.progress is not None, "looked into"
        lane.next_offset = max(lane.next_offset, next_offset)
        lane.published = {offset for offset in lane.published if offset >= lane.next_offset}
        await consumer.commit({at: Committed(lane.next_offset, lane.progress.text())})


def _pair(at: TopicPartition) -> tuple[str, int]:
    return at.topic, at.partition


def _parked(record: Record, reason: str, detail: str) -> OutgoingRecord:
    """The dead letter of a raw record that becomes no event."""
    COLLECTOR_DROPPED.labels(NAME, reason).inc()
    COLLECTOR_PARKED.labels(NAME, reason).inc()
    return dead_letter(
        value=(record.value or b"")[:HEAD_BYTES],
        source=f"kafka:{record.topic}",
        reason=reason,
        detail=detail,
        origin=Position(record.topic, record.partition, record.offset),
    )


def _refused(record: OutgoingRecord, detail: str) -> OutgoingRecord:
    """The dead letter of an event that the log would not take."""
    COLLECTOR_DROPPED.labels(NAME, "refused_by_log").inc()
    COLLECTOR_PARKED.labels(NAME, "refused_by_log").inc()
    topic, partition, offset = dict(record.headers)[ORIGIN_HEADER].decode().rsplit(":", 2)
    return dead_letter(
        value=(record.value or b"")[:HEAD_BYTES],
        source=(record.key or b"").decode(),
        reason="refused_by_log",
        detail=detail,
        origin=Position(topic, int(partition), int(offset)),
    )
