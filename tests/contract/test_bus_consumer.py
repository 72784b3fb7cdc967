"""What a group member promises on every cluster."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from pipeline.bus.consumer import Committed, Consumer, TopicPartition
from pipeline.errors import BusUnavailable
from pipeline.settings import BusSettings
from tests.support.broker import fresh_topic, published, read_until, spread


async def test_a_member_reads_everything_in_order(bus: BusSettings) -> None:
    topic = await fresh_topic(bus)
    values = await published(bus, topic, 1_000)

    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="test") as consumer:
        records = await read_until(consumer, 1_000)

    assert sorted(record.value or b"" for record in records) == sorted(values)
    assert all(offsets == sorted(offsets) for offsets in spread(records).values())


async def test_metadata_comes_back_with_the_committed_offset(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    await published(bus, topic, 10)
    at = TopicPartition(topic, 0)
    told: list[Mapping[TopicPartition, Committed | None]] = []

    def on_assigned(
        committed: Mapping[TopicPartition, Committed | None],
    ) -> Mapping[TopicPartition, int]:
        told.append(committed)
        return {}

    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="one") as consumer:
        await read_until(consumer, 10)
        assert await consumer.committed([at]) == {at: None}
        await consumer.commit({at: Committed(4, "1 4-7 records=4 begun=1")})
        assert await consumer.committed([at]) == {at: Committed(4, "1 4-7 records=4 begun=1")}
    async with Consumer(
        bus, group=f"g.{topic}", topics=[topic], client_id="two", on_assigned=on_assigned
    ) as consumer:
        records = await read_until(consumer, 6)

    assert told == [{at: Committed(4, "1 4-7 records=4 begun=1")}]
    assert [record.offset for record in records] == [4, 5, 6, 7, 8, 9]


async def test_the_owner_may_choose_where_to_start(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    await published(bus, topic, 10)

    async with Consumer(
        bus,
        group=f"g.{topic}",
        topics=[topic],
        client_id="test",
        on_assigned=lambda committed: dict.fromkeys(committed, 8),
    ) as consumer:
        records = await read_until(consumer, 2)

    assert [record.offset for record in records] == [8, 9]


async def test_seek_reads_again(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    await published(bus, topic, 5)

    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="test") as consumer:
        await read_until(consumer, 5)
        await consumer.seek(TopicPartition(topic, 0), 3)
        again = await read_until(consumer, 2)

    assert [record.offset for record in again] == [3, 4]


async def test_a_paused_partition_gives_nothing_until_it_is_resumed(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=2)
    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="test") as consumer:
        await published(bus, topic, 100)
        before = await read_until(consumer, 100)
        paused, other = (TopicPartition(topic, number) for number in (0, 1))
        await consumer.pause([paused])
        await published(bus, topic, 100)
        expected = {at: len(offsets) for at, offsets in spread(before).items()}
        while_paused = await read_until(consumer, expected[other])
        await consumer.resume([paused])
        after = await read_until(consumer, expected[paused])

    assert spread(while_paused).keys() == {other}
    assert spread(after).keys() == {paused}


async def test_two_members_share_and_the_one_left_takes_over(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=4)
    owned: dict[str, set[TopicPartition]] = {"one": set(), "two": set()}

    def member(name: str) -> Consumer:
        def on_assigned(
            committed: Mapping[TopicPartition, Committed | None],
        ) -> Mapping[TopicPartition, int]:
            owned[name] |= committed.keys()
            return {}

        def on_revoked(gone: Sequence[TopicPartition]) -> None:
            owned[name] -= set(gone)

        return Consumer(
            bus,
            group=f"g.{topic}",
            topics=[topic],
            client_id=name,
            on_assigned=on_assigned,
            on_revoked=on_revoked,
        )

    async def until(one: int, two: int, *consumers: Consumer) -> None:
        async with asyncio.timeout(60):
            while (len(owned["one"]), len(owned["two"])) != (one, two):
                await asyncio.gather(
                    *(consumer.poll(max_records=10, timeout_seconds=0.1) for consumer in consumers)
                )

    async with member("one") as first:
        await until(4, 0, first)
        async with member("two") as second:
            await until(2, 2, first, second)
            assert not owned["one"] & owned["two"]
        await until(4, 0, first)
    assert owned == {"one": set(), "two": set()}


async def test_what_a_leaving_member_commits_in_on_revoked_counts(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    await published(bus, topic, 3)
    at = TopicPartition(topic, 0)

    async def on_revoked(gone: Sequence[TopicPartition]) -> None:
        await leaving.commit({at: Committed(2, "in the last moment")})

    async with Consumer(
        bus, group=f"g.{topic}", topics=[topic], client_id="one", on_revoked=on_revoked
    ) as leaving:
        await read_until(leaving, 3)
    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="two") as next_one:
        assert await next_one.committed([at]) == {at: Committed(2, "in the last moment")}
        assert [record.offset for record in await read_until(next_one, 1)] == [2]


async def test_a_cancelled_poll_loses_no_record(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="test") as consumer:
        await read_until(consumer, 0)
        polling = asyncio.create_task(consumer.poll(max_records=50, timeout_seconds=5))
        await asyncio.sleep(0)  # it has begun
        polling.cancel()
        await published(bus, topic, 50)

        records = await read_until(consumer, 50)

    assert [record.offset for record in records] == list(range(50))


async def test_a_closed_consumer_says_so(bus: BusSettings) -> None:
    topic = await fresh_topic(bus, partitions=1)
    async with Consumer(bus, group=f"g.{topic}", topics=[topic], client_id="test") as consumer:
        pass

    with pytest.raises(BusUnavailable, match="closed"):
        await consumer.poll(max_records=1, timeout_seconds=1)
