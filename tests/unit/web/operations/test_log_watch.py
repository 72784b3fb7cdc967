"""The log as pages see it: one look for everybody, and what is known while a part is away."""

import asyncio
from collections.abc import Sequence

import pytest

from pipeline.bus.admin import (
    Admin,
    ClusterDescription,
    GroupDescription,
    NodeDescription,
    PartitionDescription,
    TopicDescription,
)
from pipeline.bus.position import Committed, OffsetRange, TopicPartition
from pipeline.errors import BusUnavailable
from pipeline.settings import BusSettings
from web.operations.log_watch import CONSUMER_OFFSETS, LogWatch


class ThreeNodes(Admin):
    """A cluster as a test arranges it; every question is counted.

    Attributes:
        leaders: Who leads each partition of ``events.log``; -1 for nobody.
        ends: How far each of them goes.
        coordinator: Who leads the partition that keeps the groups.
        hangs: Whoever asks for groups waits for this.
    """

    def __init__(self) -> None:
        super().__init__(BusSettings())
        self.leaders = [1, 2]
        self.ends = [100, 100]
        self.coordinator = 3
        self.hangs: asyncio.Event | None = None
        self.asked = 0

    async def describe(self) -> ClusterDescription:
        self.asked += 1
        topics = {"events.log": self.leaders, CONSUMER_OFFSETS: [self.coordinator]}
        return ClusterDescription(
            tuple(NodeDescription(node, f"127.0.0.1:{node}") for node in (1, 2, 3)),
            tuple(
                TopicDescription(
                    name,
                    tuple(
                        PartitionDescription(number, leader, (1, 2, 3), (1, 2, 3))
                        for number, leader in enumerate(leaders)
                    ),
                )
                for name, leaders in topics.items()
            ),
        )

    async def offsets_of(
        self, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, OffsetRange]:
        return {
            at: OffsetRange(0, self.ends[at.partition] if at.topic == "events.log" else 0)
            for at in partitions
        }

    async def groups(self) -> list[GroupDescription]:
        if self.hangs is not None:
            await self.hangs.wait()
        return [GroupDescription("readers", "STABLE", ())]

    async def committed(self, group: str) -> dict[TopicPartition, Committed]:
        return {TopicPartition("events.log", 0): Committed(90)}


class Clock:
    """Turned by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


async def test_who_asks_at_the_same_time_shares_one_look() -> None:
    cluster = ThreeNodes()
    watch = LogWatch(cluster)

    looks = await asyncio.gather(*(watch.look() for _ in range(5)))

    assert cluster.asked == 1
    assert all(look is looks[0] for look in looks)


async def test_rates_are_counted_by_partition_topic_and_leader() -> None:
    cluster, clock = ThreeNodes(), Clock()
    watch = LogWatch(cluster, clock=clock)
    await watch.look()
    clock.now += 10
    cluster.ends = [150, 120]

    state = await watch.look()

    topic = state.topic("events.log")
    assert topic is not None
    assert [partition.rate for partition in topic.partitions] == [5.0, 2.0]
    assert topic.rate == 7.0
    assert [node.rate for node in state.nodes] == [5.0, 2.0, 0.0]


async def test_a_partition_that_nobody_leads_hides_no_other() -> None:
    cluster = ThreeNodes()
    cluster.leaders = [1, -1]

    state = await LogWatch(cluster).look()

    topic = state.topic("events.log")
    assert topic is not None
    assert (state.offline, topic.offline, topic.records) == (1, 1, 100)
    assert state.group("readers") is not None


async def test_an_old_offset_is_no_flood_when_a_leader_is_found_again() -> None:
    cluster, clock = ThreeNodes(), Clock()
    cluster.leaders = [1, -1]
    watch = LogWatch(cluster, clock=clock)
    await watch.look()
    clock.now += 10
    cluster.leaders = [1, 2]

    state = await watch.look()

    topic = state.topic("events.log")
    assert topic is not None
    assert [partition.rate for partition in topic.partitions] == [0.0, None]


async def test_without_a_coordinator_there_are_groups_that_nobody_knows() -> None:
    cluster = ThreeNodes()
    cluster.coordinator = -1

    assert not (await LogWatch(cluster).look()).knows_groups


async def test_groups_that_do_not_answer_leave_the_rest_to_be_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.operations.log_watch.GROUPS_SECONDS", 0.01)
    cluster = ThreeNodes()
    cluster.hangs = asyncio.Event()

    state = await LogWatch(cluster).look()

    assert not state.knows_groups
    assert len(state.topics) == 2


async def test_a_page_waits_for_a_slow_log_no_longer_than_it_can(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("web.operations.log_watch.PATIENCE_SECONDS", 0.01)
    cluster = ThreeNodes()
    cluster.hangs = asyncio.Event()
    watch = LogWatch(cluster)

    with pytest.raises(BusUnavailable, match="did not answer"):
        await watch.look()
    cluster.hangs.set()
    monkeypatch.undo()
    state = await watch.look()

    assert cluster.asked == 1  # the look that was begun went on for the next one
    assert state.knows_groups
