"""What the replicated log holds and who reads it how far, through the standard admin APIs.

One look serves every page for a moment; two looks give the rates.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

from pipeline.bus.admin import (
    Admin,
    NodeDescription,
    PartitionDescription,
    TopicDescription,
)
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
CONSUMER_OFFSETS = "__consumer_offsets"
GROUPS_SECONDS = 2.0  # less than a page waits in all: without a coordinator the rest is shown


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionState:
    """One partition: who leads it, who has it, and what it holds.

    Attributes:
        leader: -1 for nobody; then ``start`` and ``end`` are 0 for not known.
        rate: Records a second that came in lately; None until there were two looks.
    """

    number: int
    leader: int
    replicas: tuple[int, ...]
    in_sync: tuple[int, ...]
    start: int
    end: int
    rate: float | None = None

    @property
    def is_offline(self) -> bool:
        """Whether nobody leads it."""
        return self.leader < 0

    @property
    def is_under_replicated(self) -> bool:
        """Whether a copy is missing or behind."""
        return len(self.in_sync) < len(self.replicas)

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
    def offline(self) -> int:
        """Partitions that nobody leads."""
        return sum(partition.is_offline for partition in self.partitions)

    @property
    def in_sync(self) -> int:
        """Copies that have everything, of the worst partition."""
        return min((len(partition.in_sync) for partition in self.partitions), default=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """A node of the log's cluster.

    Attributes:
        address: What it is known by; empty if it takes no part for now.
        leads, holds: Partitions that it leads, and of which it has a copy.
        lacks: Those of them in which its copy is missing or behind.
        rate: Records a second that came in lately where it leads; None until there were two looks.
    """

    node_id: int
    address: str
    leads: int
    holds: int
    lacks: int
    rate: float | None

    @property
    def state(self) -> tuple[str, str]:
        """How it looks, and in a word."""
        if not self.address:
            return "failed", "Away"
        return ("late", "Catching up") if self.lacks else ("ok", "In sync")


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
    """One look at the log.

    Attributes:
        knows_groups: Whether the groups could be asked for; without a coordinator they cannot.
    """

    at: float
    topics: Sequence[TopicState] = ()
    groups: Sequence[GroupState] = ()
    nodes: Sequence[NodeState] = ()
    knows_groups: bool = True

    @property
    def partitions(self) -> Sequence[PartitionState]:
        """Those of all topics."""
        return [partition for topic in self.topics for partition in topic.partitions]

    @property
    def offline(self) -> int:
        """Partitions that nobody leads."""
        return sum(topic.offline for topic in self.topics)

    @property
    def under_replicated(self) -> int:
        """Partitions of which a copy is missing or behind."""
        return sum(partition.is_under_replicated for partition in self.partitions)

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
    """The newest look, when it ended, and older ones to count rates from."""

    newest: LogState | None = None
    older: list[LogState] = field(default_factory=list)
    seen: float = 0.0


class LogWatch:
    """Looks at the log on demand, at most every two seconds. For the loop."""

    def __init__(self, admin: Admin, *, clock: Callable[[], float] = monotonic) -> None:
        self._admin = admin
        self._clock = clock
        self._looks = _Looks()
        self._looking: asyncio.Task[LogState] | None = None

    async def run(self) -> None:
        """Look again and again until cancelled, so that there are rates when a page asks."""
        while True:
            with suppress(PipelineError):  # whoever asks is told
                await self.look()
            await asyncio.sleep(RUN_SECONDS)

    async def look(self) -> LogState:
        """The state of the log, not older than two seconds.

        Everybody who asks at the same time waits for one look; it goes on when they stop waiting.

        Raises:
            BusUnavailable: It did not answer.
        """
        newest, seen = self._looks.newest, self._looks.seen
        if newest is not None and self._clock() - seen < FRESH_SECONDS:
            return newest
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._renew(), name="log-look")
            self._looking.add_done_callback(_heard)
        async with _patience(PATIENCE_SECONDS):
            return await asyncio.shield(self._looking)

    async def _renew(self) -> LogState:
        begun = self._clock()
        before = self._looks.older[0] if self._looks.older else None
        state = await self._read(begun, before)
        keep = [look for look in self._looks.older if begun - look.at < RATE_SECONDS]
        self._looks = _Looks(state, [*keep, state], seen=self._clock())
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
                held = (await self._admin.offsets_of([at]))[at]
                offset = max(held.start, held.end - PEEK_RECORDS)
            return await self._admin.read(at, offset, PEEK_RECORDS)

    async def _read(self, now: float, before: LogState | None) -> LogState:
        described = await self._admin.describe()
        led = [at for topic in described.topics for at in topic.led]
        offsets = await self._admin.offsets_of(led)
        topics = [_topic(topic, offsets, now, before) for topic in described.topics]
        groups: Sequence[GroupState] | None = None
        with suppress(BusUnavailable, TimeoutError):
            async with asyncio.timeout(GROUPS_SECONDS):
                groups = await self._groups(offsets, now, before)
        return LogState(
            at=now,
            topics=topics,
            groups=groups or (),
            nodes=node_states(described.nodes, topics),
            knows_groups=groups is not None and not _is_offline(topics, CONSUMER_OFFSETS),
        )

    async def _groups(
        self, offsets: Mapping[TopicPartition, OffsetRange], now: float, before: LogState | None
    ) -> list[GroupState]:
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
        return groups


def _is_offline(topics: Sequence[TopicState], name: str) -> bool:
    return any(topic.offline for topic in topics if topic.name == name)


def node_states(
    alive: Sequence[NodeDescription], topics: Sequence[TopicState]
) -> tuple[NodeState, ...]:
    """Every node that is alive or should hold something, by number. Pure."""
    addresses = {node.node_id: node.address for node in alive}
    partitions = [partition for topic in topics for partition in topic.partitions]
    numbers = {*addresses, *(node for one in partitions for node in one.replicas)}
    states = []
    for number in sorted(numbers):
        led = [one for one in partitions if one.leader == number]
        rates = [one.rate for one in led if one.rate is not None]
        states.append(
            NodeState(
                node_id=number,
                address=addresses.get(number, ""),
                leads=len(led),
                holds=sum(number in one.replicas for one in partitions),
                lacks=sum(
                    number in one.replicas and number not in one.in_sync for one in partitions
                ),
                rate=sum(rates) if rates else None,
            )
        )
    return tuple(states)


def _heard(task: asyncio.Task[LogState]) -> None:
    """Take note of an error that nobody waited for any more."""
    if not task.cancelled():
        task.exception()


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
    earlier = before.topic(found.name) if before else None
    seconds = now - before.at if before else 0.0
    known = {one.number: one for one in earlier.partitions} if earlier and seconds > 0 else {}
    partitions = tuple(
        _partition(partition, offsets.get(at), known.get(partition.partition), seconds)
        for partition in found.partitions
        for at in [TopicPartition(found.name, partition.partition)]
    )
    rates = [one.rate for one in partitions if one.rate is not None]
    rate = sum(rates) if rates else None
    ours = next((topic for topic in TOPICS if topic.name == found.name), None)
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


def _partition(
    found: PartitionDescription,
    held: OffsetRange | None,
    earlier: PartitionState | None,
    seconds: float,
) -> PartitionState:
    rate = None
    if held is not None and earlier is not None and not earlier.is_offline:
        rate = max(held.end - earlier.end, 0) / seconds
    return PartitionState(
        number=found.partition,
        leader=found.leader,
        replicas=found.replicas,
        in_sync=found.in_sync,
        start=held.start if held else 0,
        end=held.end if held else 0,
        rate=rate,
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
