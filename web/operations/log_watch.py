"""What the replicated log holds and who reads it how far, through the standard admin APIs.

One look serves every page for a moment; two looks give the rates.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from pipeline.bus.admin import Admin, TopicDescription
from pipeline.bus.consumer import Record
from pipeline.bus.position import OffsetRange, TopicPartition
from pipeline.errors import BusUnavailable, PipelineError
from pipeline.schema.topics import TOPICS

FRESH_SECONDS = 2.0
RATE_SECONDS = 12.0
RUN_SECONDS = 4.0
PEEK_RECORDS = 50
# A page that waits longer than this for the log shows what else it knows.
PATIENCE_SECONDS = 3.0
PEEK_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionState:
    """One partition: who leads it, who has it, and what it holds."""

    number: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    start: int
    end: int

    @property
    def records(self) -> int:
        """Records it holds; on a compacted topic at most that many."""
        return self.end - self.start


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicState:
    """A topic.

    Attributes:
        rate: Records a second that came in lately; None until there were two looks.
        retention: How long records stay, in words; empty if it is not one of ours.
        key: What its records are keyed by; likewise.
    """

    name: str
    partitions: tuple[PartitionState, ...]
    rate: float | None = None
    retention: str = ""
    key: str = ""

    @property
    def records(self) -> int:
        """Records it holds."""
        return sum(partition.records for partition in self.partitions)

    @property
    def replicas(self) -> int:
        """Copies of each partition."""
        return max((len(partition.replicas) for partition in self.partitions), default=0)

    @property
    def in_sync(self) -> int:
        """Copies that have everything, of the worst partition."""
        return min((len(partition.in_sync) for partition in self.partitions), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupState:
    """A consumer group.

    Attributes:
        members: Client id and number of partitions of each.
        committed: Next offset to read, by partition.
        lag: Records not yet read, by topic.
        rate: Records a second it committed lately; None until there were two looks.
    """

    name: str
    state: str
    members: tuple[tuple[str, int], ...]
    committed: Mapping[TopicPartition, int]
    lag: Mapping[str, int]
    rate: float | None = None

    @property
    def total_lag(self) -> int:
        """Records not yet read, over all topics."""
        return sum(self.lag.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """One look at the log."""

    at: float
    topics: Sequence[TopicState] = ()
    groups: Sequence[GroupState] = ()

    def topic(self, name: str) -> TopicState | None:
        """The topic of that name."""
        return next((topic for topic in self.topics if topic.name == name), None)

    def group(self, name: str) -> GroupState | None:
        """The group of that name."""
        return next((group for group in self.groups if group.name == name), None)

    def readers(self, topic: str) -> list[GroupState]:
        """The groups that read a topic, the slowest first."""
        found = [group for group in self.groups if topic in group.lag]
        return sorted(found, key=lambda group: -group.lag[topic])


@dataclass(slots=True)
class _Looks:
    """The newest look, and an older one to count rates from."""

    newest: LogState | None = None
    older: list[LogState] = field(default_factory=list)


class LogWatch:
    """Looks at the log on demand, at most every two seconds. For the loop."""

    def __init__(self, admin: Admin, *, clock: Callable[[], float] = monotonic) -> None:
        self._admin = admin
        self._clock = clock
        self._looks = _Looks()
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Look again and again until cancelled, so that there are rates when a page asks."""
        while True:
            with suppress(PipelineError):  # whoever asks is told
                await self.look()
            await asyncio.sleep(RUN_SECONDS)

    async def look(self) -> LogState:
        """The state of the log, not older than two seconds.

        Raises:
            BusUnavailable: It did not answer.
        """
        async with _patience(PATIENCE_SECONDS), self._looking:
            now = self._clock()
            newest = self._looks.newest
            if newest is not None and now - newest.at < FRESH_SECONDS:
                return newest
            before = self._looks.older[0] if self._looks.older else None
            state = await self._read(now, before)
            keep = [look for look in self._looks.older if now - look.at < RATE_SECONDS]
            self._looks = _Looks(state, [*keep, state])
            return state

    async def read_spans(self, topics: Iterable[str]) -> Mapping[TopicPartition, OffsetRange]:
        """What each partition of these topics holds right now.

        Raises:
            BusUnavailable: The log did not answer.
        """
        async with _patience(PATIENCE_SECONDS):
            return await self._admin.offsets(topics)

    async def peek(self, topic: str, partition: int, offset: int | None) -> Sequence[Record]:
        """Some records of a partition, in order.

        Args:
            offset: Where to begin; None for the newest ones.
        """
        at = TopicPartition(topic, partition)
        async with _patience(PEEK_SECONDS):
            if offset is None:
                held = (await self._admin.offsets([topic])).get(at)
                if held is None:
                    return []
                offset = max(held.start, held.end - PEEK_RECORDS)
            return await self._admin.read(at, offset, PEEK_RECORDS)

    async def _read(self, now: float, before: LogState | None) -> LogState:
        described = await self._admin.topics()
        offsets = await self._admin.offsets([topic.name for topic in described])
        topics = [_topic(topic, offsets, now, before) for topic in described]
        groups = []
        for group in await self._admin.groups():
            committed = {
                at: to.offset for at, to in (await self._admin.committed(group.name)).items()
            }
            groups.append(
                GroupState(
                    name=group.name,
                    state=group.state,
                    members=tuple((client, len(held)) for client, held in group.members),
                    committed=committed,
                    lag=_lag(committed, offsets),
                    rate=_group_rate(group.name, committed, now, before),
                )
            )
        return LogState(at=now, topics=topics, groups=groups)


@asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    """Wait no longer than that; the client below goes on trying for itself."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise BusUnavailable(f"The log did not answer within {seconds:.0f} s.") from None


def _topic(
    found: TopicDescription,
    offsets: Mapping[TopicPartition, OffsetRange],
    now: float,
    before: LogState | None,
) -> TopicState:
    partitions = tuple(
        PartitionState(
            number=partition.partition,
            leader=partition.leader,
            replicas=partition.replicas,
            in_sync=partition.in_sync,
            start=offsets[at].start if at in offsets else 0,
            end=offsets[at].end if at in offsets else 0,
        )
        for partition in found.partitions
        for at in [TopicPartition(found.name, partition.partition)]
    )
    ours = next((topic for topic in TOPICS if topic.name == found.name), None)
    earlier = before.topic(found.name) if before else None
    rate = None
    if before is not None and earlier is not None and now > before.at:
        grown = sum(p.end for p in partitions) - sum(p.end for p in earlier.partitions)
        rate = max(grown, 0) / (now - before.at)
    retention = ""
    if ours is not None:
        days = ours.retention_ms // 86_400_000
        retention = "compacted" if ours.compacted else f"{days} days" if days > 0 else "for ever"
    return TopicState(
        name=found.name,
        partitions=partitions,
        rate=rate,
        retention=retention,
        key=ours.key if ours else "",
    )


def _lag(
    committed: Mapping[TopicPartition, int], offsets: Mapping[TopicPartition, OffsetRange]
) -> dict[str, int]:
    lag: dict[str, int] = {}
    for at, to in committed.items():
        if at in offsets:
            held = offsets[at]
            lag[at.topic] = lag.get(at.topic, 0) + max(0, held.end - max(to, held.start))
    return lag


def _group_rate(
    name: str, committed: Mapping[TopicPartition, int], now: float, before: LogState | None
) -> float | None:
    earlier = before.group(name) if before else None
    if before is None or earlier is None or now <= before.at:
        return None
    moved = sum(to - earlier.committed.get(at, to) for at, to in committed.items())
    return max(moved, 0) / (now - before.at)
