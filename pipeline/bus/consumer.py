"""One member of a consumer group: poll, hand over, commit what was handled.

Partitions are given and taken eagerly (``roundrobin``): at a rebalance every partition is
revoked before any is assigned, so that ``on_assigned`` always sees all that is ours and a
range under way has exactly one owner. Offsets are committed only when told to.
"""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar, cast

import msgspec
import structlog
from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import KafkaException, Message
from confluent_kafka import TopicPartition as KafkaPartition

from pipeline.bus.client_thread import ClientThread
from pipeline.bus.connection import client_config, report_trouble
from pipeline.bus.position import Committed, TopicPartition
from pipeline.metrics import BUS_ASSIGNED, BUS_CONSUMED
from pipeline.settings import BusSettings

__all__ = ["Committed", "Consumer", "Record", "TopicPartition"]

log = structlog.get_logger()

SESSION_TIMEOUT_MS = 6_000
MAX_POLL_INTERVAL_MS = 300_000
QUEUED_KIBIBYTES = 32 << 10
CALL_SECONDS = 30.0
ASSIGN_SECONDS = 5.0
RETRY_SECONDS = 0.2
LEAVE_SECONDS = 60.0
LEAVE_SLICE_SECONDS = 0.05

FETCH_CONFIG: Mapping[str, object] = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "auto.offset.reset": "earliest",
    "isolation.level": "read_committed",
    "fetch.wait.max.ms": 100,
    "fetch.error.backoff.ms": 100,
    "queued.min.messages": 10_000,
    "queued.max.messages.kbytes": QUEUED_KIBIBYTES,
    "check.crcs": True,
}

Starts = Mapping[TopicPartition, int]
OnAssigned = Callable[[Mapping[TopicPartition, Committed | None]], Starts]
OnRevoked = Callable[[Sequence[TopicPartition]], Awaitable[None] | None]
T = TypeVar("T")
_Pairs = list[tuple[str, bytes | None]]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it lies in the log.

    Attributes:
        topic, partition, offset: Its position.
        timestamp_ms: Since the epoch, by its producer or its broker; -1 without one.
        key: Its key, or None.
        value: Its payload; None is a tombstone.
        headers: Names and values, in order; a null value is read as empty.
    """

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def written(self) -> datetime | None:
        """When, by its timestamp; None without one, or with one that no calendar has."""
        if self.timestamp_ms < 0:
            return None
        try:
            return datetime.fromtimestamp(self.timestamp_ms / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            return None


class Consumer:
    """A group member, as an async context manager; for the loop only.

    Args:
        settings: Which cluster, and how to sign in.
        group: The consumer group.
        topics: What it reads; must exist.
        client_id: What the broker's logs call us.
        on_assigned: Told on the loop, before the first record, of every partition that is now
            ours and what was committed for it; returns where to start those that shall not
            start at what was committed (or at the log start, where nothing was).
        on_revoked: Told on the loop that partitions are about to go; what it awaits is waited
            for, so it can finish a commit. Later ones fail with PartitionLost.
    """

    def __init__(
        self,
        settings: BusSettings,
        *,
        group: str,
        topics: Sequence[str],
        client_id: str,
        on_assigned: OnAssigned | None = None,
        on_revoked: OnRevoked | None = None,
    ) -> None:
        self._config = {
            **client_config(settings, client_id=client_id),
            **FETCH_CONFIG,
            "group.id": group,
            "partition.assignment.strategy": "roundrobin",
            "session.timeout.ms": SESSION_TIMEOUT_MS,
            "heartbeat.interval.ms": SESSION_TIMEOUT_MS // 3,
            "max.poll.interval.ms": MAX_POLL_INTERVAL_MS,
        }
        self._group = group
        self._topics = list(topics)
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._thread: ClientThread | None = None
        self._closing = threading.Event()
        self._owned = False
        self._polling: asyncio.Future[list[Record]] | None = None

    async def __aenter__(self) -> Self:
        self._thread = ClientThread(self._config, name=f"consumer-{self._group}")

        def subscribe(client: KafkaConsumer) -> None:
            client.subscribe(
                self._topics,
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._revoked,
            )

        await self._thread.call(subscribe, "subscribe")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the group, so that its other members need not wait for a time-out."""
        self._closing.set()
        if self._thread is not None:
            await self._thread.close(self._leave)

    async def poll(self, *, max_records: int, timeout_seconds: float) -> list[Record]:
        """What has arrived, up to that many records; none when the timeout ends first.

        Must be called at least every five minutes to stay a member, also while all partitions
        are paused. If it is cancelled, what it would have given comes with the next call.
        """
        if self._polling is None:
            self._polling = asyncio.ensure_future(self._poll(max_records, timeout_seconds))
        polling = self._polling
        try:
            records = await asyncio.shield(polling)
        finally:
            if polling.done():
                self._polling = None
        BUS_CONSUMED.labels(group=self._group).inc(len(records))
        return records

    async def _poll(self, max_records: int, timeout_seconds: float) -> list[Record]:
        assert self._thread is not None, "entered"
        return to_records(await self._thread.consume(max_records, timeout_seconds, "poll"))

    async def commit(self, offsets: Mapping[TopicPartition, Committed]) -> None:
        """Commit and wait for the coordinator's answer.

        Raises:
            PartitionLost: The partitions belong to another member by now.
            BusUnavailable: No answer; the commit may have happened or not.
            BusRefused: The broker will not have it.
        """
        wanted = [
            KafkaPartition(at.topic, at.partition, to.offset, metadata=to.metadata)
            for at, to in offsets.items()
        ]

        def commit(client: KafkaConsumer) -> None:
            raise_first_error(client.commit(offsets=wanted, asynchronous=False))

        if wanted:
            await self._in_thread(commit, "commit")

    async def committed(
        self, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """What the group has committed for each partition; None where nothing was."""
        wanted = [KafkaPartition(at.topic, at.partition) for at in partitions]
        return await self._in_thread(
            lambda client: as_committed(client.committed(wanted, CALL_SECONDS)), "committed"
        )

    async def seek(self, partition: TopicPartition, offset: int) -> None:
        """Read on from that offset; the partition must be ours."""
        target = KafkaPartition(partition.topic, partition.partition, offset)
        await self._in_thread(lambda client: client.seek(target), "seek")

    async def pause(self, partitions: Iterable[TopicPartition]) -> None:
        """Give no more records of these partitions until they are resumed; they stay ours."""
        wanted = [KafkaPartition(at.topic, at.partition) for at in partitions]
        await self._in_thread(lambda client: client.pause(wanted), "pause")

    async def resume(self, partitions: Iterable[TopicPartition]) -> None:
        """Give records of these partitions again, from where they were paused."""
        wanted = [KafkaPartition(at.topic, at.partition) for at in partitions]
        await self._in_thread(lambda client: client.resume(wanted), "resume")

    async def group_metadata(self) -> object:
        """What a transaction has to show to commit offsets for us; of this generation only."""
        return await self._in_thread(
            lambda client: client.consumer_group_metadata(), "group metadata"
        )

    async def _in_thread(self, work: Callable[[KafkaConsumer], T], doing: str) -> T:
        assert self._thread is not None, "entered"
        return await self._thread.call(work, doing)

    # The rest runs in the thread.

    def _leave(self, client: KafkaConsumer) -> None:
        """Give the partitions back first, so that on_revoked can still commit."""
        client.unsubscribe()
        deadline = time.monotonic() + LEAVE_SECONDS
        while self._owned and time.monotonic() < deadline:
            client.consume(1, LEAVE_SLICE_SECONDS)

    def _assigned(self, client: KafkaConsumer, partitions: list[KafkaPartition]) -> None:
        committed = self._committed_for_certain(client, partitions)
        starts = self._on_loop(self._tell_assigned(committed))
        for at in partitions:
            position = TopicPartition(at.topic, at.partition)
            known = committed.get(position)
            if position in starts:
                at.offset = starts[position]
            elif known is not None:
                at.offset = known.offset
        client.assign(partitions)
        self._owned = True

    def _committed_for_certain(
        self, client: KafkaConsumer, partitions: list[KafkaPartition]
    ) -> dict[TopicPartition, Committed | None]:
        """Ask until the coordinator answers: without it we would not know where to start."""
        while True:
            try:
                return as_committed(client.committed(partitions, ASSIGN_SECONDS))
            except KafkaException as error:
                if self._closing.is_set():
                    return {}
                report_trouble(error.args[0])
                self._closing.wait(RETRY_SECONDS)

    def _revoked(self, client: KafkaConsumer, partitions: list[KafkaPartition]) -> None:
        gone = [TopicPartition(at.topic, at.partition) for at in partitions]
        self._on_loop(self._tell_revoked(gone))
        client.unassign()
        self._owned = False

    def _on_loop(self, telling: Coroutine[None, None, T]) -> T:
        assert self._thread is not None, "entered"
        return self._thread.on_loop(telling)

    async def _tell_assigned(
        self, committed: Mapping[TopicPartition, Committed | None]
    ) -> Mapping[TopicPartition, int]:
        BUS_ASSIGNED.labels(group=self._group).set(len(committed))
        log.info("partitions_assigned", group=self._group, partitions=_named(committed))
        return self._on_assigned(committed) if self._on_assigned is not None else {}

    async def _tell_revoked(self, gone: Sequence[TopicPartition]) -> None:
        BUS_ASSIGNED.labels(group=self._group).set(0)
        log.info("partitions_revoked", group=self._group, partitions=_named(gone))
        if self._on_revoked is not None:
            waiting = self._on_revoked(gone)
            if waiting is not None:
                await waiting


def to_records(messages: Iterable[Message]) -> list[Record]:
    """What librdkafka gave, as values; its notices of trouble are reported and left out."""
    records = []
    for message in messages:
        error = message.error()
        if error is not None:
            report_trouble(error)
            continue
        headers = message.headers()
        records.append(
            Record(
                message.topic(),  # type: ignore[arg-type]  # a record without error has all three
                message.partition(),  # type: ignore[arg-type]
                message.offset(),  # type: ignore[arg-type]
                message.timestamp()[1],
                message.key(),
                message.value(),
                _headers(headers) if headers else (),
            )
        )
    return records


def _headers(found: object) -> tuple[tuple[str, bytes], ...]:
    """librdkafka always gives a list of pairs, though its types allow a mapping and text."""
    pairs = cast("_Pairs", found)
    for _, value in pairs:
        if value is None:
            return tuple([(name, value or b"") for name, value in pairs])
    return tuple(cast("list[tuple[str, bytes]]", pairs))


def as_committed(found: Iterable[KafkaPartition]) -> dict[TopicPartition, Committed | None]:
    """The coordinator's answer as values.

    Raises:
        KafkaException: It has none for one of the partitions.
    """
    raise_first_error(found)
    return {
        TopicPartition(at.topic, at.partition): (
            Committed(at.offset, at.metadata or "") if at.offset >= 0 else None
        )
        for at in found
    }


def raise_first_error(partitions: Iterable[KafkaPartition]) -> None:
    """Raise what went wrong with the first partition that something went wrong with."""
    for at in partitions:
        if at.error is not None:
            raise KafkaException(at.error)


def _named(partitions: Iterable[TopicPartition]) -> list[str]:
    return [f"{at.topic}:{at.partition}" for at in sorted(partitions)]
